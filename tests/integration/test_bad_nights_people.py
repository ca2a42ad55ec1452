"""What people ask for in a bad night comes to its end: cancels, decisions, approvals and retries."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from executions import approvals, control, engine, lifecycle, sweeper
from executions.errors import Conflict
from executions.fresh import BY_COMMAND
from executions.lifecycle import ClaimedStep
from executions.models import Step, StepRun
from executions.resolution import resolve
from executions.submission import Submitted, submit
from safety.context import Outcome, OutcomeStatus
from tests import factories
from tests.losing import (
    WORKER,
    claim,
    claim_all,
    effects_begun,
    let_leases_run_out,
    lose,
    unsafe_step,
    work_until,
)
from tests.world import World, runs_of, script, states_of, status_of, wait_step, work_until_over

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")
NO = Outcome(status=OutcomeStatus.FAILED, detail="no")
UNKNOWN = Outcome(status=OutcomeStatus.INTERRUPTED, category="worker_lost", detail="nobody knows")
HANDED_OVER = Outcome(status=OutcomeStatus.HANDED_OVER)


def cancel(world: World, submitted: Submitted) -> str:
    return control.request_cancel(submitted.execution_id, user=world.olga, reason="stop")


def unsafe_and(world: World, sibling: dict) -> tuple[Submitted, ClaimedStep, ClaimedStep]:
    """An unsafe step and a sibling that run at the same time."""
    world.here()
    submitted = world.submit(unsafe_step(id="a", depends_on=[], target="here"), sibling)
    unsafe, other = claim_all(submitted)
    return submitted, unsafe, other


def page_of(world: World, submitted: Submitted) -> str:
    client = Client()
    client.force_login(world.olga)
    return client.get(f"/executions/{submitted.execution_id}/").content.decode()


LONG_SCRIPT = script("sleep 30", "b", depends_on=[], target="here")


def test_a_cancel_of_what_needs_attention_ends_it_at_once(world: World) -> None:
    submitted = world.submit(unsafe_step())
    lifecycle.interrupt(claim(), UNKNOWN, worker=WORKER)
    assert cancel(world, submitted) == "cancelled"


def test_a_cancel_of_what_needs_attention_ends_although_a_sibling_was_to_be_resumed(world: World) -> None:
    world.here()
    submitted = world.submit(unsafe_step(id="a", depends_on=[], target="here"), LONG_SCRIPT)
    lose()
    lose()
    sweeper.tick()
    assert states_of(submitted.execution_id) == {"a": "interrupted", "b": "ready"}
    cancel(world, submitted)
    work_until(submitted.execution_id, "cancelled")


@pytest.mark.parametrize("begun_by", [WORKER, "gone:1:1"], ids=["here", "on a machine that is gone"])
def test_a_cancel_after_both_steps_lost_their_worker_ends_or_asks_one_last_question(
    world: World, begun_by: str
) -> None:
    submitted, _, other = unsafe_and(world, LONG_SCRIPT)
    effects_begun(submitted.execution_id)
    StepRun.objects.update(begun_by=begun_by)
    let_leases_run_out()
    sweeper.tick()
    assert status_of(submitted.execution_id) == "needs_attention"
    cancel(world, submitted)
    if begun_by != WORKER:
        work_until(submitted.execution_id, "needs_attention")
        resolve(other.step_run_id, user=world.olga, decision="abort", reason="the machine is scrap")
    work_until(submitted.execution_id, "cancelled")


@pytest.mark.parametrize(
    "give_back",
    [
        lambda step: lifecycle.retry_later(step, NO, worker=WORKER, delay_s=0),
        lambda step: lifecycle.hand_over(step, HANDED_OVER, worker=WORKER, resume=False),
    ],
    ids=["to be retried", "handed over"],
)
def test_a_cancel_of_what_needs_attention_ends_when_a_running_sibling_comes_back(
    world: World, give_back: Callable[[ClaimedStep], None]
) -> None:
    submitted, unsafe, other = unsafe_and(world, wait_step("b", depends_on=[]))
    lifecycle.interrupt(unsafe, UNKNOWN, worker=WORKER)
    cancel(world, submitted)
    give_back(other)
    work_until(submitted.execution_id, "cancelled")


def test_after_a_cancel_nobody_can_decide_to_retry_and_is_told_why(world: World) -> None:
    submitted, unsafe, other = unsafe_and(world, unsafe_step(id="b", depends_on=[], target="here"))
    lifecycle.interrupt(unsafe, UNKNOWN, worker=WORKER)
    cancel(world, submitted)
    lifecycle.interrupt(other, UNKNOWN, worker=WORKER)
    with pytest.raises(Conflict, match="cannot be retried: the execution is being cancelled") as refusal:
        resolve(other.step_run_id, user=world.olga, decision="retry", reason="it never arrived")
    assert refusal.value.hint == "Choose succeeded, skip or abort."
    assert runs_of(submitted.execution_id)[1].status == "interrupted"
    assert 'value="retry"' not in page_of(world, submitted)
    resolve(other.step_run_id, user=world.olga, decision="abort", reason="it never arrived")
    work_until(submitted.execution_id, "cancelled")
    assert runs_of(submitted.execution_id)[1].attempt == 1


def test_after_a_sibling_aborted_the_run_nobody_can_decide_to_retry(world: World) -> None:
    submitted, unsafe, other = unsafe_and(world, wait_step("b", depends_on=[]))
    lifecycle.interrupt(unsafe, UNKNOWN, worker=WORKER)
    assert 'value="retry"' in page_of(world, submitted)
    lifecycle.finish(other, NO, worker=WORKER)
    with pytest.raises(Conflict, match="cannot be retried: the execution was aborted"):
        resolve(unsafe.step_run_id, user=world.olga, decision="retry", reason="it never arrived")
    assert 'value="retry"' not in page_of(world, submitted)
    assert resolve(unsafe.step_run_id, user=world.olga, decision="skip", reason="not needed") == "failed"


def test_a_second_cancel_gives_up_what_became_unknown_after_the_first(world: World) -> None:
    submitted, unsafe, other = unsafe_and(world, unsafe_step(id="b", depends_on=[], target="here"))
    lifecycle.interrupt(unsafe, UNKNOWN, worker=WORKER)
    cancel(world, submitted)
    lifecycle.interrupt(other, UNKNOWN, worker=WORKER)
    cancel(world, submitted)
    work_until(submitted.execution_id, "cancelled")


def test_a_cancel_reaches_what_a_lost_worker_left_running_while_everything_is_held(world: World) -> None:
    world.here()
    submitted = world.submit(script("sleep 30"), targets=["here"])
    claim()
    let_leases_run_out()
    sweeper.tick()
    factories.a_switch(None)
    cancel(world, submitted)
    work_until(submitted.execution_id, "cancelled")


def test_a_decision_about_one_of_a_limited_number_lets_the_next_one_go(world: World) -> None:
    for name in "xyz":
        world.here(name)
    step = script("true", max_parallel=1, effect="unsafe", action_class="modify")
    submitted = world.submit(step, targets=["x", "y", "z"])
    claimed = claim()
    lifecycle.interrupt(claimed, UNKNOWN, worker=WORKER)
    resolve(claimed.step_run_id, user=world.olga, decision="succeeded", reason="I looked")
    assert work_until_over(submitted.execution_id) == "succeeded"


def grown_since(world: World, *steps: dict) -> Submitted:
    """An approved plan whose tag means one asset more than when it was approved."""
    world.here("web-1", tags=["web"])
    submitted = world.submit(*steps, targets=["tag:web"])
    world.here("web-2", tags=["web"])
    return submitted


def test_what_the_approval_does_not_cover_is_not_retried_into_a_run(world: World, tmp_path: Path) -> None:
    file = tmp_path / "ran"
    submitted = grown_since(world, script(f"touch {file}", retries=1, effect="idempotent"))
    work_until(submitted.execution_id, "failed")
    assert not file.exists()


def test_what_the_approval_does_not_cover_takes_the_rest_of_the_plan_with_it(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "ran"
    first = script("true", "a", on_failure="continue")
    submitted = grown_since(world, first, script(f"touch {file}", "b", depends_on=[]))
    work_until(submitted.execution_id, "failed")
    assert states_of(submitted.execution_id) == {"a": "failed", "b": "skipped"}
    assert not file.exists()


def test_a_stored_step_that_was_changed_after_the_approval_does_not_run(world: World, tmp_path: Path) -> None:
    world.here()
    file = tmp_path / "ran"
    submitted = world.submit(script("true"), targets=["here"])
    step = Step.objects.get()
    step.spec["with"]["script"] = f"touch {file}"
    step.save()
    work_until(submitted.execution_id, "failed")
    assert not file.exists()


def test_a_retry_of_a_retry_of_what_failed_leaves_out_all_that_succeeded(
    world: World, tmp_path: Path
) -> None:
    world.here()
    file = tmp_path / "ran"
    submitted = world.submit(script(f"echo x >> {file}", "a"), script("exit 1", "b"), targets=["here"])
    work_until_over(submitted.execution_id)
    for _ in range(2):
        submitted = control.retry(submitted.execution_id, user=world.olga, failed_only=True, confirmed=True)
        work_until_over(submitted.execution_id)
        assert states_of(submitted.execution_id) == {"b": "failed"}
    assert file.read_text() == "x\n"


def test_a_parallel_run_is_not_retried_after_the_plan_was_aborted(world: World, tmp_path: Path) -> None:
    world.here()
    file = tmp_path / "ran"
    again = script(f"echo x >> {file}; exit 1", "b", depends_on=[], retries=2, effect="idempotent")
    submitted = world.submit(script("exit 1", "a", depends_on=[]), again, targets=["here"])
    first, second = claim_all(submitted)
    lifecycle.finish(first, NO, worker=WORKER)
    engine.run(second, time.monotonic())
    work_until(submitted.execution_id, "failed")
    assert file.read_text() == "x\n"


def test_an_approved_immediate_plan_with_a_limited_number_goes_to_the_queue_whole(world: World) -> None:
    for name in "xyz":
        world.here(name)
    steps = [script("true", max_parallel=1)]
    plan = {"version": 1, "name": "n", "mode": "immediate", "targets": ["x", "y", "z"], "steps": steps}
    submitted = submit(plan, user=world.olga, tenant=world.acme)
    approvals.approve(
        submitted.execution_id, user=world.olga, approval_hash=submitted.approval_hash, signed_in=BY_COMMAND
    )
    assert {run.queue for run in runs_of(submitted.execution_id)} == {"fast"}
    assert sorted(run.status for run in runs_of(submitted.execution_id)) == ["pending", "pending", "ready"]
    assert work_until_over(submitted.execution_id) == "succeeded"
