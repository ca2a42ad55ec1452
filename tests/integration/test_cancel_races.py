"""Whatever happens at the same moment as a cancel: one outcome, told once, and counters that fit."""

import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from executions import approvals, control, engine, lifecycle, sweeper
from executions.errors import Conflict
from executions.fresh import BY_COMMAND
from executions.lifecycle import ClaimedStep
from executions.models import EffectRecord, Event, Execution, StepRun
from executions.retries import make_due_ready
from executions.submission import Submitted, submit
from safety.context import Outcome, OutcomeStatus
from safety.models import Lease
from tests.losing import LONG_AGO, claim
from tests.racing import assert_that_everything_fits, copies_of, race
from tests.world import World, script, wait_step

pytestmark = pytest.mark.usefixtures("working")

ROUNDS = 1000
FEW = 50
DONE = Outcome(status=OutcomeStatus.SUCCEEDED)


def statuses() -> Counter[str]:
    return Counter(Execution.objects.values_list("status", flat=True))


def only(results: list[tuple[object, ...]], *expected: type[Exception]) -> None:
    """Nothing was raised but what is expected."""
    raised = {type(result) for row in results for result in row if isinstance(result, Exception)}
    assert raised <= set(expected)


@pytest.mark.timeout(900)
def test_cancel_and_finish_a_thousand_times_have_one_outcome_each(world: World) -> None:
    world.submit(wait_step())
    first = claim()
    steps = copies_of(first, ROUNDS)
    lifecycle.finish(first, DONE, worker="w")

    def finish(step: ClaimedStep) -> str:
        return lifecycle.finish(step, DONE, worker="w").execution_status

    def cancel(step: ClaimedStep) -> str:
        return control.request_cancel(step.execution_id, user=world.olga, reason="race")

    results = race(steps, finish, cancel)
    only(results, Conflict)
    # The process had ended when its end was recorded, so its own result stands; the wish came too late.
    assert statuses() == {"succeeded": ROUNDS + 1}
    refused = sum(isinstance(cancelled, Conflict) for _, cancelled in results)
    assert Event.objects.filter(type="execution.cancel_requested").count() == ROUNDS - refused
    assert_that_everything_fits()


def test_cancel_and_finish_of_the_first_of_two_steps_have_one_outcome(world: World) -> None:
    steps = []
    for _ in range(FEW):
        world.submit(wait_step("a"), wait_step("b"))
        steps.append(claim())

    def finish(step: ClaimedStep) -> object:
        return lifecycle.finish(step, DONE, worker="w")

    def cancel(step: ClaimedStep) -> str:
        return control.request_cancel(step.execution_id, user=world.olga, reason="race")

    only(race(steps, finish, cancel))
    assert statuses() == {"cancelled": FEW}
    assert Counter(StepRun.objects.values_list("step__key", "status")) == {
        ("a", "succeeded"): FEW,
        ("b", "cancelled"): FEW,
    }
    assert_that_everything_fits()


def test_what_is_claimed_while_it_is_cancelled_does_not_begin(world: World, tmp_path: Path) -> None:
    world.here()
    touched = tmp_path / "touched"
    submitted = [world.submit(script(f"touch {touched}"), targets=["here"]) for _ in range(FEW)]
    run_of = dict(StepRun.objects.values_list("execution_id", "pk"))

    def take(one: Submitted) -> ClaimedStep | None:
        return lifecycle.claim_one(run_of[one.execution_id], worker="w", ttl_s=300)

    def cancel(one: Submitted) -> str:
        return control.request_cancel(one.execution_id, user=world.olga, reason="race")

    results = race(submitted, take, cancel)
    only(results)
    for step, _ in results:
        if step is not None:
            engine.run(step, time.monotonic())
    assert statuses() == {"cancelled": FEW}
    assert not touched.exists()
    assert not EffectRecord.objects.exists()
    assert not Lease.objects.exists()
    assert_that_everything_fits()


def test_the_retry_timer_brings_nothing_back_that_is_cancelled(world: World) -> None:
    submitted = [world.submit(wait_step()) for _ in range(FEW)]
    failed = Outcome(status=OutcomeStatus.FAILED, category="unreachable", retryable=True)
    for _ in submitted:
        lifecycle.retry_later(claim(), failed, worker="w", delay_s=0)
    StepRun.objects.update(not_before=LONG_AGO)
    results = race(
        [one.execution_id for one in submitted],
        make_due_ready,
        lambda execution_id: control.request_cancel(execution_id, user=world.olga, reason="race"),
    )
    only(results)
    sweeper.tick()
    assert statuses() == {"cancelled": FEW}
    assert set(StepRun.objects.values_list("attempt", flat=True)) == {1}
    assert_that_everything_fits()


def test_of_two_cancels_at_one_moment_the_first_is_the_record(world: World) -> None:
    submitted = [world.submit(wait_step()) for _ in range(FEW)]

    def cancel(words: str) -> object:
        def act(execution_id: UUID) -> str:
            return control.request_cancel(execution_id, user=world.olga, reason=words)

        return act

    results = race([one.execution_id for one in submitted], cancel("one"), cancel("two"))  # type: ignore[arg-type]
    only(results)
    assert {status for row in results for status in row} == {"cancelled"}
    asked = Event.objects.filter(type="execution.cancel_requested")
    assert asked.count() == FEW
    reasons = dict(Execution.objects.values_list("pk", "cancel_reason"))
    assert all(reasons[event.execution_id] == event.data["reason"] for event in asked)
    assert_that_everything_fits()


def test_approved_or_not_what_is_cancelled_at_that_moment_does_not_run(world: World) -> None:
    world.here(environment="prod")
    plan = {"version": 1, "name": "prod", "targets": ["here"], "steps": [script("true")]}
    submitted = [submit(plan, user=world.olga, tenant=world.acme, again=True) for _ in range(FEW)]

    def approve(one: Submitted) -> None:
        approvals.approve(
            one.execution_id, user=world.tom, approval_hash=one.approval_hash, signed_in=BY_COMMAND
        )

    def cancel(one: Submitted) -> str:
        return control.request_cancel(one.execution_id, user=world.olga, reason="race")

    only(race(submitted, approve, cancel), Conflict)
    assert statuses() == {"cancelled": FEW}
    assert not StepRun.objects.filter(attempt__gt=0).exists()
    assert_that_everything_fits()
