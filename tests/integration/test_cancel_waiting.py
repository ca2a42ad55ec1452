"""A cancel reaches a run wherever it waits, ends it soon, and nothing of it begins afterwards."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections

from executions import control, engine, gates, sweeper
from executions.models import Approval, Execution, StepRun
from executions.submission import Submitted, submit
from safety import leases
from safety.models import Lease
from safety.secrets.found import Found
from safety.secrets.stores import EnvStore
from tests.losing import LONG_AGO, claim, effects_begun
from tests.world import World, runs_of, script, status_of, until, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")

SOON_S = 60.0  # the steps themselves would take five minutes


def cancel(world: World, submitted: Submitted) -> str:
    return control.request_cancel(submitted.execution_id, user=world.olga, reason="enough")


@contextmanager
def worked_on() -> Iterator[None]:
    """While the body runs, a thread of this process works, and it is done soon afterwards."""

    def work() -> None:
        try:
            engine.run(claim(), time.monotonic())
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
    assert not thread.is_alive()


def assert_ended_soon(execution_id: UUID) -> StepRun:
    """Cancelled soon after it was asked, and nothing runs or is held any more."""
    execution = Execution.objects.get(pk=execution_id)
    assert (execution.status, execution.open_runs) == ("cancelled", 0)
    assert execution.finished_at is not None
    assert execution.cancel_requested_at is not None
    assert execution.finished_at - execution.cancel_requested_at < timedelta(seconds=SOON_S)
    assert not Lease.objects.filter(execution_id=execution_id).exists()
    sweeper.tick()
    before = StepRun.objects.filter(execution=execution_id).values_list("attempt", flat=True)
    attempts = list(before)
    work_off()
    assert list(before.all()) == attempts
    return runs_of(execution_id)[0]


def test_in_the_queue(world: World) -> None:
    submitted = world.submit(wait_step("a"), wait_step("b"))
    assert cancel(world, submitted) == "cancelled"
    assert assert_ended_soon(submitted.execution_id).attempt == 0


def test_before_anybody_approved_and_the_approval_is_withdrawn(world: World) -> None:
    world.here(environment="prod")
    plan = {"version": 1, "name": "prod", "targets": ["here"], "steps": [script("true")]}
    submitted = submit(plan, user=world.olga, tenant=world.acme)
    assert cancel(world, submitted) == "cancelled"
    assert_ended_soon(submitted.execution_id)
    assert Approval.objects.get().status == "withdrawn"


def test_while_another_execution_holds_its_asset(world: World) -> None:
    asset = world.here()
    leases.acquire(
        tenant_id=world.acme.pk, execution_id=uuid4(), assets=[asset.pk], worker="elsewhere", ttl_s=60
    )
    submitted = world.submit(script("true"), targets=["here"])
    work_off()
    assert runs_of(submitted.execution_id)[0].waiting_for
    assert cancel(world, submitted) == "cancelled"
    run = assert_ended_soon(submitted.execution_id)
    assert (run.waiting_for, run.waits_for_assets) == ("", None)


def test_before_its_next_attempt(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    get = {"id": "get", "kind": "http", "with": {"url": url}, "retries": 5, "estimate": 1}
    submitted = world.submit(get)
    work_off()
    assert runs_of(submitted.execution_id)[0].status == "retrying"
    assert cancel(world, submitted) == "cancelled"
    StepRun.objects.update(not_before=LONG_AGO)
    assert assert_ended_soon(submitted.execution_id).attempt == 1


def test_while_its_worker_is_being_looked_for(world: World, patient_reaper: None, tmp_path: Path) -> None:
    world.here()
    submitted = world.submit(script(f"touch {tmp_path}/touched"), targets=["here"])
    claim()
    StepRun.objects.update(lease_expires_at=LONG_AGO)
    assert cancel(world, submitted) == "running"
    sweeper.tick()
    work_off()
    assert_ended_soon(submitted.execution_id)
    assert not (tmp_path / "touched").exists()


def test_while_a_script_runs_and_ignores_what_it_is_told(world: World, tmp_path: Path) -> None:
    world.here()
    begun = tmp_path / "begun"
    text = f"trap '' TERM; touch {begun}; sleep 300 & kill -STOP $! ; while :; do sleep 0.1; done"
    submitted = world.submit(script(text), targets=["here"])
    with worked_on():
        until(begun.exists)
        cancel(world, submitted)
    run = assert_ended_soon(submitted.execution_id)
    assert run.stop_confirmed


def test_while_a_wait_waits(world: World) -> None:
    submitted = world.submit(wait_step(**{"with": {"seconds": 300}}))
    with worked_on():
        until(lambda: runs_of(submitted.execution_id)[0].status == "running")
        cancel(world, submitted)
    assert_ended_soon(submitted.execution_id)


def test_while_a_secret_is_fetched_and_then_nothing_begins(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.here()
    asked, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> Found:
        asked.set()
        go_on.wait(30)
        return Found.text("a-secret-value")

    monkeypatch.setattr(EnvStore, "read", slow)
    monkeypatch.setattr(gates, "FRESH_S", 0.0)  # however fast this machine is, the store counts as slow
    arguments = {"script": f"touch {tmp_path}/touched", "secrets": {"w": {"secret": "env:WORD"}}}
    submitted = world.submit(script("", **{"with": arguments}), targets=["here"])
    with worked_on():
        assert asked.wait(10)
        cancel(world, submitted)
        go_on.set()
    assert_ended_soon(submitted.execution_id)
    assert not (tmp_path / "touched").exists()


def accepts_nothing(server: socket.socket) -> None:
    """The queue of connections is full: whoever connects waits."""


def says_nothing(server: socket.socket) -> None:
    held.append(server.accept()[0])
    held[-1].recv(65536)


def says_half(server: socket.socket) -> None:
    says_nothing(server)
    held[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")


held: list[socket.socket] = []


@pytest.mark.parametrize("server_does", [accepts_nothing, says_nothing, says_half])
def test_while_a_request_connects_waits_or_is_answered(
    world: World, server_does: Callable[[socket.socket], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        full = [socket.create_connection(("127.0.0.1", port))] if server_does is accepts_nothing else []
        get = {"id": "get", "kind": "http", "with": {"url": f"http://127.0.0.1:{port}/"}, "estimate": 300}
        submitted = world.submit(get)
        StepRun.objects.update(queue="fast")
        with worked_on():
            until(lambda: runs_of(submitted.execution_id)[0].status == "running")
            server_does(server)
            cancel(world, submitted)
        for connection in (*full, *held):
            connection.close()
        held.clear()
    assert_ended_soon(submitted.execution_id)


def test_while_a_probe_asks_what_became_of_a_lost_step(
    world: World, patient_reaper: None, target_http: Any
) -> None:
    probe = {"kind": "http", "with": {"url": target_http.on("/probe", hang=True)}}
    post = {"method": "POST", "url": target_http.on("/post")}
    submitted = world.submit(
        {"id": "post", "kind": "http", "with": post, "verify": probe, "estimate": 1, "effect": "checkable"}
    )
    step = claim()
    effects_begun(step.execution_id)
    StepRun.objects.filter(pk=step.step_run_id).update(lease_expires_at=LONG_AGO)
    sweeper.tick()
    with worked_on():
        target_http.wait_for("/probe")
        cancel(world, submitted)
    assert status_of(submitted.execution_id) == "needs_attention"
    assert target_http.requests("/post") == []
    assert cancel(world, submitted) == "cancelled"
