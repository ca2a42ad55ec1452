"""A run that has only waited for an asset has not begun: switches and limits hold it like one that was not claimed."""

import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone

from executions import engine, lifecycle, limits, sweeper, switches, switching
from executions.holdings import HOLDINGS
from executions.lifecycle import ClaimedStep
from executions.models import Execution, StepRun
from executions.switching import Scope
from safety import limits as cached
from safety.models import Limit
from tests.world import World, runs_of, script, status_of, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")


def claim() -> ClaimedStep:
    step = lifecycle.claim_from("fast", worker=HOLDINGS.worker, ttl_s=30)
    assert step is not None
    return step


def one_holds_and_one_waits(world: World, mark: Path) -> tuple[UUID, UUID]:
    """Both want the same asset: the first is between two steps of its own, the second stands in line for it."""
    world.here()
    two = script("true", "a"), script("true", "b")
    first = world.submit(*two, targets=["here"]).execution_id
    engine.run(claim(), time.monotonic())
    later = timezone.now() + timedelta(hours=1)  # until the test lets it go on
    StepRun.objects.filter(execution=first, status="ready").update(not_before=later)
    second = world.submit(script(f"touch {mark}"), targets=["here"]).execution_id
    engine.run(claim(), time.monotonic())
    waiting = runs_of(second)[0]
    assert (status_of(second), waiting.status, waiting.attempt) == ("running", "ready", 0)
    assert waiting.waiting_since is not None
    return first, second


def let_go_on(first: UUID) -> None:
    StepRun.objects.filter(execution=first).update(not_before=None)
    work_off()
    assert status_of(first) == "succeeded"


@pytest.mark.parametrize("mode", ["no_new_runs", "hold"])
def test_what_only_waited_does_not_begin_while_a_switch_stands(
    world: World, tmp_path: Path, mode: str
) -> None:
    first, second = one_holds_and_one_waits(world, tmp_path / "began")
    switch = switching.turn(Scope(tenant=world.acme), mode=mode, user=world.olga, reason="x", lasts_s=60)
    assert [one.pk for one in switches.holding(Execution.objects.get(pk=second))] == [switch.pk]
    if mode == "no_new_runs":  # what has begun comes to its end, and frees the asset
        let_go_on(first)
    StepRun.objects.filter(execution=second).update(not_before=None)
    sweeper.tick()
    work_off()
    assert list(tmp_path.iterdir()) == []
    assert Execution.objects.get(pk=second).clock == "pause"
    switching.lift(switch.pk, user=world.olga, reason="done")
    let_go_on(first) if mode == "hold" else work_off()
    assert status_of(second) == "succeeded"


def test_a_stop_leaves_in_line_what_has_not_begun(world: World, tmp_path: Path) -> None:
    first, second = one_holds_and_one_waits(world, tmp_path / "began")
    switching.turn(Scope(tenant=world.acme), mode="stop", user=world.olga, reason="x", lasts_s=60)
    wishes = dict(Execution.objects.values_list("pk", "cancel_requested_at"))
    assert (wishes[first] is None, wishes[second] is None) == (False, True)


def test_what_only_waited_counts_as_none_at_work_and_is_held_by_a_limit(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached, "FRESH_S", 0.0)
    first, second = one_holds_and_one_waits(world, tmp_path / "began")
    limit = Limit.objects.create(tenant=world.acme, kind="running", most=2)
    other = world.submit(wait_step()).execution_id
    at_work = claim()  # the first one and this are two; who waits is none of them
    assert at_work.execution_id == other
    assert limits.reached(Execution.objects.get(pk=second)) == [limit]
    Limit.objects.update(most=1)
    let_go_on(first)
    StepRun.objects.filter(execution=second).update(not_before=None)
    assert lifecycle.claim_one(runs_of(second)[0].pk, worker=HOLDINGS.worker, ttl_s=30) is None
    engine.run(at_work, 0.0)
    work_off()
    assert status_of(second) == "succeeded"
