"""A cancel of a thousand step runs: all of them, in one go, with nothing left behind."""

import threading
import time
from collections import Counter

import pytest
from django.db import connections

from executions import control, engine
from executions.models import Asset, EffectRecord, Event, Execution, StepRun
from safety.models import Lease
from tests.losing import claim_all
from tests.racing import assert_that_everything_fits
from tests.world import World, runs_of, script, status_of, until, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")

TARGETS, RUNNING = 1000, 6


def test_a_thousand_step_runs_are_cancelled_together_and_free_their_targets(world: World) -> None:
    Asset.objects.bulk_create(
        Asset(tenant=world.acme, name=f"h{number}", connection="local", tags=["fan"])
        for number in range(TARGETS)
    )
    fan = world.submit(script("sleep 300", estimate=60), wait_step("after"), targets=["tag:fan"])
    threads = [threading.Thread(target=_work) for _ in range(RUNNING)]
    for thread in threads:
        thread.start()
    until(lambda: EffectRecord.objects.filter(outcome="").count() == RUNNING)
    assert Lease.objects.count() == TARGETS
    waiting = world.submit(script("true"), targets=["h7"])
    (step,) = claim_all(waiting)
    engine.run(step, time.monotonic())
    assert runs_of(waiting.execution_id)[0].waits_for_assets
    assert control.request_cancel(fan.execution_id, user=world.olga, reason="all of it") == "running"
    assert StepRun.objects.filter(execution=fan.execution_id).exclude(status="cancelled").count() <= RUNNING
    for thread in threads:
        thread.join(60)
    execution = Execution.objects.get(pk=fan.execution_id)
    assert (execution.status, execution.open_runs, execution.cancelled_runs) == ("cancelled", 0, TARGETS + 1)
    assert set(StepRun.objects.filter(execution=fan.execution_id).values_list("status", flat=True)) == {
        "cancelled"
    }
    told = Counter(Event.objects.filter(type="step.cancelled").values_list("data__by", flat=True))
    assert told == {"olga": TARGETS + 1}
    assert not Lease.objects.exists()
    assert runs_of(waiting.execution_id)[0].not_before is None
    work_off()
    assert status_of(waiting.execution_id) == "succeeded"
    assert_that_everything_fits()


def _work() -> None:
    try:
        engine.work_off("long")
    finally:
        connections.close_all()
