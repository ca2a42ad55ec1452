"""Time in which no living worker was at a step is counted apart: a lost worker does not end a fast plan."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from executions import control, lifecycle, sweeper
from executions.budget import Budget, budget_of
from executions.lifecycle import ClaimedStep
from executions.models import Execution, StepRun
from safety.context import Outcome, OutcomeStatus
from tests.losing import claim, effects_begun, unsafe_step
from tests.world import World, events_of, runs_of, script, status_of, wait_step, work_until_over

pytestmark = pytest.mark.usefixtures("patient_reaper")

TTL_S = 30.0  # of a step's lease; a fast plan has 10 to 20 s
TIMES = {
    Execution: ("created_at", "clock_since", "deadline_at"),
    StepRun: ("lease_expires_at", "ready_at", "started_at", "finished_at"),
}


def time_passes(seconds: float) -> None:
    """Move all that is remembered of times into the past, as if nobody had done anything for so many seconds."""
    for model, names in TIMES.items():
        for name in names:
            rows = model._default_manager.filter(**{f"{name}__isnull": False})
            rows.update(**{name: F(name) - timedelta(seconds=seconds)})


def begin(run: StepRun) -> ClaimedStep:
    step = lifecycle.claim_one(run.pk, worker="lost:1:1", ttl_s=TTL_S)
    assert step is not None
    return step


def renew(*runs: StepRun) -> None:
    """A sign of life of whoever holds them."""
    expires = timezone.now() + timedelta(seconds=TTL_S)
    StepRun.objects.filter(pk__in=[run.pk for run in runs]).update(lease_expires_at=expires)


def budget() -> Budget:
    return budget_of(Execution.objects.get())


@pytest.mark.parametrize(
    "step", [wait_step(), unsafe_step(), script("true")], ids=["read", "never began", "re-attached"]
)
def test_a_fast_plan_whose_worker_was_lost_is_taken_over_and_not_timed_out(
    world: World, step: dict[str, Any]
) -> None:
    world.here()
    targets = {"targets": ["here"]} if step["kind"] == "script" else {}
    submitted = world.submit(step, **targets)
    begin(runs_of(submitted.execution_id)[0])
    time_passes(TTL_S / 2)  # past the limit of the plan, and nobody knows yet that the worker is lost
    sweeper.tick()
    assert Execution.objects.get().cancel_requested_at is None
    time_passes(TTL_S)
    sweeper.tick()
    now = budget()
    assert (runs_of(submitted.execution_id)[0].status, now.clock) == ("ready", "lost")
    assert (now.spent_s < 5, now.lost_wait_s >= 1.5 * TTL_S) == (True, True)
    time_passes(600)  # no worker is left for ten minutes
    sweeper.tick()
    assert Execution.objects.get().cancel_requested_at is None
    again = begin(runs_of(submitted.execution_id)[0])
    assert again.left_s > now.limit_s - 5
    assert budget().clock == "work"
    assert "s for another worker after one was lost" in budget().sentence


@pytest.mark.usefixtures("working")
def test_it_then_runs_to_its_end_in_the_time_that_it_has_left(world: World) -> None:
    world.here()
    submitted = world.submit(script("echo done"), targets=["here"])
    claim(step_run_id=runs_of(submitted.execution_id)[0].pk)
    StepRun.objects.update(lease_expires_at=timezone.now() + timedelta(seconds=TTL_S))
    time_passes(TTL_S + 1)
    assert work_until_over(submitted.execution_id) == "succeeded"
    assert budget().lost_wait_s >= TTL_S


def test_a_holder_that_lives_is_held_to_the_limit(world: World) -> None:
    submitted = world.submit(wait_step())
    run = runs_of(submitted.execution_id)[0]
    begin(run)
    time_passes(TTL_S / 2)
    renew(run)
    sweeper.tick()
    assert Execution.objects.get().cancel_kind == "timeout"


def test_what_the_lost_worker_did_before_its_last_sign_of_life_is_spent(world: World) -> None:
    run = runs_of(world.submit(wait_step()).execution_id)[0]
    begin(run)
    time_passes(4)
    renew(run)
    time_passes(TTL_S + 1)
    sweeper.tick()
    assert 4 <= budget().spent_s < 8
    assert budget().lost_wait_s >= TTL_S


def test_the_losses_of_one_worker_are_counted_once(world: World) -> None:
    world.here("a"), world.here("b")
    runs = runs_of(world.submit(script("true"), targets=["a", "b"]).execution_id)
    begin(runs[0])
    time_passes(2)
    begin(runs[1])  # so that its lease runs out later
    time_passes(TTL_S - 1)
    sweeper.tick()
    assert {run.status for run in runs_of(runs[0].execution_id)} == {"ready", "running"}
    assert budget().clock == "work"
    time_passes(3)
    sweeper.tick()
    now = budget()
    assert (now.clock, status_of(runs[0].execution_id)) == ("lost", "running")
    assert 2 <= now.spent_s < 6
    assert TTL_S + 1 <= now.lost_wait_s < TTL_S + 6


def test_beside_a_living_step_the_limit_is_spent(world: World) -> None:
    world.here("a"), world.here("b")
    runs = runs_of(world.submit(script("true", estimate=200), targets=["a", "b"]).execution_id)
    begin(runs[0]), begin(runs[1])
    time_passes(TTL_S + 1)
    renew(runs[1])
    time_passes(3)
    sweeper.tick()
    now = budget()
    assert now.clock == "work"
    assert now.spent_s >= TTL_S
    assert 3 <= now.lost_wait_s < 8
    deadline = Execution.objects.get().deadline_at
    assert deadline is not None
    began = Execution.objects.get().created_at
    assert abs((deadline - began).total_seconds() - now.limit_s - now.lost_wait_s) < 5


def test_when_a_person_has_to_decide_the_loss_is_counted_too(world: World) -> None:
    submitted = world.submit(unsafe_step())
    run = runs_of(submitted.execution_id)[0]
    begin(run)
    effects_begun(submitted.execution_id)
    time_passes(TTL_S + 1)
    sweeper.tick()
    assert status_of(submitted.execution_id) == "needs_attention"
    assert budget().clock == "decision"
    assert budget().spent_s < 5
    assert budget().lost_wait_s >= TTL_S


def test_the_parts_still_add_up(world: World) -> None:
    submitted = world.submit(wait_step())
    begin(runs_of(submitted.execution_id)[0])
    time_passes(TTL_S + 5)
    sweeper.tick()
    time_passes(7)
    step = begin(runs_of(submitted.execution_id)[0])
    time_passes(2)
    lifecycle.finish(step, Outcome(status=OutcomeStatus.SUCCEEDED), worker="w")
    execution = Execution.objects.get()
    data = budget_of(execution).as_data()
    counted = sum(value for name, value in data.items() if name.endswith("_s") and name != "limit_s")
    assert execution.finished_at is not None
    assert abs((execution.finished_at - execution.created_at).total_seconds() - counted) < 0.01


def test_a_cancel_in_the_meantime_ends_it(world: World) -> None:
    submitted = world.submit(wait_step())
    begin(runs_of(submitted.execution_id)[0])
    time_passes(TTL_S + 1)
    sweeper.tick()
    control.request_cancel(submitted.execution_id, user=world.olga, reason="enough")
    assert status_of(submitted.execution_id) == "cancelled"
    assert "step.cancelled" in events_of(submitted.execution_id)
    assert budget().clock == ""
