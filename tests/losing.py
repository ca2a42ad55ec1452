"""Ways to lose a worker without killing a process, and to work on until something is on record."""

import socket
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from executions import engine, lifecycle, sweeper
from executions.holdings import HOLDINGS, HOST_CHARACTERS
from executions.lifecycle import ClaimedStep
from executions.models import EffectRecord, StepRun
from executions.submission import Submitted
from safety import leases
from safety.cancellation import CancelReason
from tests.world import World, runs_of, script, status_of, until, work_off

HERE = socket.gethostname()[:HOST_CHARACTERS]
WORKER = f"{HERE}:1:1"
POST = {"method": "POST", "url": "http://127.0.0.1:9/"}
LONG_AGO = "2026-01-01T00:00Z"


def unsafe_step(**more: Any) -> dict[str, Any]:
    return {"id": "post", "kind": "http", "with": POST, "estimate": 1, "action_class": "modify"} | more


def lost(world: World, *steps: dict[str, Any], begun: bool = True, **header: Any) -> ClaimedStep:
    """A claimed step run whose worker died, before or after its effect began."""
    world.submit(*steps, **header)
    return lose(begun)


def lose(begun: bool = True, host: str = HERE) -> ClaimedStep:
    claimed = lifecycle.claim_from("fast", worker=f"{host}:1:1", ttl_s=0.001)
    assert claimed is not None
    if claimed.changes_assets:
        assets = {run.asset_id for run in runs_of(claimed.execution_id) if run.asset_id}
        leases.acquire(
            tenant_id=claimed.tenant_id,
            execution_id=claimed.execution_id,
            assets=assets,
            worker="dead:1",
            ttl_s=0.001,
        )
    if begun:
        effects_begun(claimed.execution_id)
    return claimed


def effects_begun(execution_id: UUID) -> None:
    """The intent of every attempt that runs is on record, as if its holder had committed it."""
    records = [
        EffectRecord(step_run=run, attempt=run.attempt, token=run.lease_token, worker=run.worker)
        for run in StepRun.objects.filter(execution_id=execution_id, status="running")
    ]
    EffectRecord.objects.bulk_create(records, ignore_conflicts=True)


def claim(*, step_run_id: UUID | None = None, worker: str = WORKER) -> ClaimedStep:
    """A claim that lasts: of this step run, or of the next one in the queue `fast`."""
    if step_run_id is None:
        claimed = lifecycle.claim_from("fast", worker=worker, ttl_s=300)
    else:
        claimed = lifecycle.claim_one(step_run_id, worker=worker, ttl_s=300)
    assert claimed is not None
    return claimed


def claim_all(submitted: Submitted) -> list[ClaimedStep]:
    return [claim(step_run_id=run.pk) for run in runs_of(submitted.execution_id)]


def let_leases_run_out() -> None:
    StepRun.objects.filter(status="running").update(lease_expires_at=LONG_AGO)


def lost_midway(world: World, text: str, marker: Path, **arguments: Any) -> Submitted:
    """A script on this machine that goes on by itself: its worker was lost as soon as the marker was there."""
    submitted = world.submit(script(text, **{"with": {"script": text} | arguments}), targets=["here"])
    claimed = claim()

    def lose_it() -> None:
        until(marker.exists)
        HOLDINGS.cancel_all(CancelReason.LEASE_LOST, "the worker is gone")

    thread = threading.Thread(target=lose_it)
    thread.start()
    engine.run(claimed, time.monotonic())
    thread.join()
    let_leases_run_out()
    sweeper.tick()
    assert runs_of(submitted.execution_id)[0].resume
    return submitted


def work_until(execution_id: UUID, status: str, timeout_s: float = 10.0) -> None:
    """Work and sweep in this thread, with no patience for delays, until the execution has this status."""

    def reached() -> bool:
        sweeper.tick()
        StepRun.objects.filter(not_before__isnull=False).update(not_before=LONG_AGO)
        work_off()
        return status_of(execution_id) == status

    until(reached, timeout_s)


def fails_once(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, error: Exception) -> None:
    """The first call of this function meets trouble; later ones go through."""
    real, troubles = getattr(module, name), [error]

    def troubled(*arguments: Any) -> Any:
        if troubles:
            raise troubles.pop()
        return real(*arguments)

    monkeypatch.setattr(module, name, troubled)
