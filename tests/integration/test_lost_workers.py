"""A lost worker never makes a lie: what may be repeated is, what may not is put before a person."""

import pytest

from executions import lifecycle, reaper, sweeper
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.gates import StepEffects
from executions.models import DeadLetter, Execution, StepRun
from executions.resolution import resolve
from safety.cancellation import CancelToken
from safety.context import LeaseLost
from safety.models import Lease
from tests.losing import lose, lost, unsafe_step
from tests.world import World, events_of, runs_of, script, status_of, wait_step, work_off, work_until_over

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")


def test_an_unsafe_step_whose_effect_had_begun_is_interrupted_and_its_asset_kept(world: World) -> None:
    world.here()
    step = lost(world, unsafe_step(target="here"), wait_step("after"))
    sweeper.tick()
    run = StepRun.objects.get(pk=step.step_run_id)
    assert (run.status, status_of(step.execution_id)) == ("interrupted", "needs_attention")
    assert DeadLetter.objects.get().category == "worker_lost"
    assert Lease.objects.get().under_review
    sweeper.tick()
    assert StepRun.objects.get(pk=step.step_run_id).status == "interrupted"


def test_an_unsafe_step_that_had_not_begun_is_simply_run(world: World) -> None:
    step = lost(world, unsafe_step(), begun=False)
    sweeper.tick()
    run = StepRun.objects.get(pk=step.step_run_id)
    assert (run.status, run.attempt, run.resume) == ("ready", 0, False)


def test_a_read_is_repeated_and_counts_as_an_attempt(world: World) -> None:
    step = lost(world, wait_step())
    sweeper.tick()
    assert StepRun.objects.get(pk=step.step_run_id).attempt == 1
    assert work_until_over(step.execution_id) == "succeeded"
    assert runs_of(step.execution_id)[0].attempt == 2


def test_a_command_is_reattached_within_the_same_attempt(world: World) -> None:
    world.here()
    step = lost(world, script("echo whole"), targets=["here"])
    sweeper.tick()
    run = StepRun.objects.get(pk=step.step_run_id)
    assert (run.status, run.resume, run.attempt) == ("ready", True, 1)
    assert work_until_over(step.execution_id) == "succeeded"
    assert runs_of(step.execution_id)[0].attempt == 1


def test_a_local_command_that_began_on_another_machine_is_not_begun_again(world: World) -> None:
    world.here()
    submitted = world.submit(script("echo twice"), targets=["here"])
    step = lose(host="elsewhere")
    sweeper.tick()
    work_off()
    run = StepRun.objects.get(pk=step.step_run_id)
    assert (run.status, run.category) == ("interrupted", "other_machine")
    assert status_of(submitted.execution_id) == "needs_attention"


@pytest.mark.parametrize(("answer", "state"), [("true", "succeeded"), ("false", "ready")])
def test_a_checkable_step_is_decided_by_its_probe(world: World, answer: str, state: str) -> None:
    world.here()
    probe = {"kind": "script", "with": {"script": answer}}
    step = lost(world, unsafe_step(target="here", effect="checkable", verify=probe))
    sweeper.tick()
    assert StepRun.objects.get(pk=step.step_run_id).verify_first
    if state == "succeeded":
        assert work_until_over(step.execution_id) == "succeeded"
        assert runs_of(step.execution_id)[0].category == "verified"


def test_a_step_that_loses_three_workers_is_quarantined(world: World) -> None:
    step = lost(world, wait_step())
    for _ in range(2):
        sweeper.tick()
        lose()
    sweeper.tick()
    run = StepRun.objects.get(pk=step.step_run_id)
    assert (run.status, run.category, run.crashes) == ("interrupted", "quarantined", 2)


def test_a_paused_holder_that_comes_back_cannot_begin(world: World) -> None:
    step = lost(world, unsafe_step(), begun=False)
    with pytest.raises(LeaseLost):
        StepEffects(step, CancelToken()).begin()


def test_a_cancel_that_came_after_the_claim_is_seen_before_the_effect(world: World) -> None:
    world.submit(wait_step())
    step = lifecycle.claim_from("fast", worker="w", ttl_s=30)
    assert step is not None
    Execution.objects.update(cancel_requested_at="2026-01-01T00:00Z", cancel_kind="user")
    token = CancelToken()
    StepEffects(step, token).begin()
    assert token.is_cancelled


@pytest.mark.parametrize(
    ("decision", "status", "after"),
    [
        ("succeeded", "succeeded", "succeeded"),
        ("skip", "partial", "succeeded"),
        ("abort", "failed", "skipped"),
    ],
)
def test_a_person_decides_and_the_run_goes_on_from_there(
    world: World, decision: str, status: str, after: str
) -> None:
    step = lost(world, unsafe_step(), wait_step("after"))
    sweeper.tick()
    resolve(step.step_run_id, user=world.olga, decision=decision, reason="looked at the far end")
    assert work_until_over(step.execution_id) == status
    assert runs_of(step.execution_id)[1].status == after
    assert DeadLetter.objects.get().closed_by == "olga"
    assert "step.resolved" in events_of(step.execution_id)


def test_a_person_may_let_it_be_tried_again(world: World) -> None:
    step = lost(world, unsafe_step())
    sweeper.tick()
    assert (
        resolve(step.step_run_id, user=world.olga, decision="retry", reason="it never arrived") == "running"
    )
    run = StepRun.objects.get(pk=step.step_run_id)
    assert (run.status, run.attempt, run.attempt_limit) == ("ready", 1, 4)


def test_deciding_needs_the_right_person_a_reason_and_an_open_question(world: World) -> None:
    step = lost(world, unsafe_step())
    sweeper.tick()
    with pytest.raises(NotFound):
        resolve(step.step_run_id, user=world.nina, decision="skip", reason="mine now")
    with pytest.raises(NotAllowed):
        resolve(step.step_run_id, user=world.tom, decision="skip", reason="I am an approver")
    with pytest.raises(Refused, match="reason"):
        resolve(step.step_run_id, user=world.olga, decision="skip", reason=" ")
    resolve(step.step_run_id, user=world.olga, decision="skip", reason="not needed")
    with pytest.raises(Conflict):
        resolve(step.step_run_id, user=world.olga, decision="succeeded", reason="again")


def test_nothing_is_reaped_right_after_the_database_came_back(world: World, monkeypatch) -> None:
    just_now = reaper._EXPIRED.replace("timestamptz '2000-01-01'", "statement_timestamp()")
    monkeypatch.setattr(reaper, "_EXPIRED", just_now)
    step = lost(world, wait_step())
    assert reaper.reap() == []
    assert StepRun.objects.get(pk=step.step_run_id).status == "running"
