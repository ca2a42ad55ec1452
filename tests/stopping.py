"""Ways to stop a step in the middle: on a host that is there, that is gone, or on which something will not die."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from executions import control, engine
from executions.connectors import following
from executions.jobdir import directory
from executions.models import Asset, StepRun
from tests.losing import claim
from tests.services.openssh import Sshd
from tests.world import World, runs_of, script, until


def while_working(act: Callable[[], object], step_run_id: Any = None) -> None:
    """Do it while another thread works on the step run, or on the next one."""

    def work() -> None:
        try:
            engine.run(claim(step_run_id=step_run_id), time.monotonic())
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        act()
    finally:
        thread.join(200)
    assert not thread.is_alive()


def ssh_asset(world: World, sshd: Sshd, monkeypatch: pytest.MonkeyPatch, name: str = "web-1") -> Asset:
    """The server as an asset of Acme, with its key in the store of the environment."""
    monkeypatch.setenv("OPSC_SECRET_ACME__SSH_KEY", sshd.private_key)
    return Asset.objects.create(
        tenant=world.acme,
        name=name,
        connection="ssh",
        address=sshd.address,
        port=sshd.port,
        username=sshd.username,
        host_keys=sshd.known_hosts,
        credentials={"private_key": {"secret": "env:SSH_KEY"}},
    )


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not ask a host that is gone for long, but give one that is busy the time to look everywhere."""
    monkeypatch.setattr(directory, "_STOP_TIMEOUT_S", 150.0)
    monkeypatch.setattr(following, "_STOP_TRIES_S", 0.5)
    monkeypatch.setitem(settings.OPSC, "KILL_GRACE_S", 0.5)


def cancelled(
    world: World, folder: Path, asset: Asset, before: Callable[[StepRun], object], **more: Any
) -> StepRun:
    """A script on the asset that was cancelled while it ran, after `before` had been done."""
    begun = folder / "begun"
    step = script(f"printf half; touch {begun}; sleep 300", **{"estimate": 600} | more)
    run = runs_of(world.submit(step, targets=[asset.name]).execution_id)[0]

    def cancel() -> None:
        until(begun.exists)
        before(run)
        control.request_cancel(run.execution_id, user=world.olga, reason="enough")

    while_working(cancel, run.pk)
    run.refresh_from_db()
    return run


@contextmanager
def something_that_does_not_end(run: StepRun) -> Iterator[None]:
    """What watches over the run's first attempt stands still, so that its end cannot be proven."""
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", str(run.execution_id), f"{run.pk}-1")
    watcher = int((folder / "process").read_text().split()[0])
    os.kill(watcher, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(watcher, signal.SIGCONT)
