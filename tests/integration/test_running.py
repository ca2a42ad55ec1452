"""From ready to recorded end: order, failure, retry, leases, deadlines, in one process and on the real path."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from executions import immediate, lifecycle
from executions.models import DeadLetter, EffectRecord, Execution, StepRun, Worker
from executions.monitoring.progress import progress
from executions.states import EXECUTION_MOVES, STEP_MOVES
from executions.submission import submit
from safety import leases
from safety.context import LeaseLost, Outcome, OutcomeStatus
from safety.models import Lease, Membership
from tests.world import (
    World,
    events_of,
    in_threads,
    output_of,
    runs_of,
    script,
    states_of,
    status_of,
    until,
    wait_step,
    work_off,
    work_until_over,
)

pytestmark = pytest.mark.usefixtures("working")


def test_steps_run_in_the_order_of_their_graph_and_their_output_is_kept(world: World) -> None:
    world.here()
    done = world.submit(
        script("echo one", "a"),
        script("echo two", "b"),
        script("echo three", "c", depends_on=["a"]),
        targets=["here"],
    )
    assert work_until_over(done.execution_id) == "succeeded"
    assert [output_of(run) for run in runs_of(done.execution_id)] == ["one\n", "two\n", "three\n"]
    assert events_of(done.execution_id)[-1] == "execution.succeeded"
    now = progress(done.execution_id)
    assert now is not None
    assert (now.percent, now.is_over) == (100, True)
    assert not Lease.objects.exists()


def test_a_failed_step_stops_what_depends_on_it(world: World) -> None:
    world.here()
    done = world.submit(script("exit 7", "a"), script("true", "b"), targets=["here"])
    assert work_until_over(done.execution_id) == "failed"
    assert states_of(done.execution_id) == {"a": "failed", "b": "skipped"}
    run = runs_of(done.execution_id)[0]
    assert (run.exit_code, run.category) == (7, "exit_code")
    assert "exited with 7" in Execution.objects.get().status_reason


def test_going_on_after_a_failure_skips_only_the_failed_target(world: World) -> None:
    world.here("good")
    world.here("bad")
    steps = [script("true", "a", on_failure="continue"), script("true", "b")]
    done = world.submit(*steps, targets=["good", "bad"])
    bad = next(run for run in runs_of(done.execution_id) if run.step.key == "a" and run.asset.name == "bad")
    claimed = lifecycle.claim_one(bad.pk, worker="w", ttl_s=30)
    assert claimed is not None
    lifecycle.finish(claimed, Outcome(status=OutcomeStatus.FAILED, detail="no"), worker="w")
    assert work_until_over(done.execution_id) == "partial"
    states = {(run.step.key, run.asset.name): run.status for run in runs_of(done.execution_id)}
    assert states == {
        ("a", "good"): "succeeded",
        ("a", "bad"): "failed",
        ("b", "good"): "succeeded",
        ("b", "bad"): "skipped",
    }


def test_no_more_than_max_parallel_run_at_once_and_all_run(world: World) -> None:
    names = [f"host-{number}" for number in range(5)]
    for name in names:
        world.here(name)
    done = world.submit(script("true", "a", max_parallel=2), script("true", "b"), targets=names)
    ready = StepRun.objects.filter(execution=done.execution_id, status="ready")
    assert ready.count() == 2
    assert work_until_over(done.execution_id) == "succeeded"


def test_a_step_with_retries_is_tried_again_and_then_put_before_a_person(world: World) -> None:
    world.here()
    done = world.submit(script("exit 1", retries=1, effect="idempotent"), targets=["here"])
    assert work_until_over(done.execution_id) == "failed"
    run = runs_of(done.execution_id)[0]
    assert run.attempt == 2
    assert "step.retrying" in events_of(done.execution_id)
    assert DeadLetter.objects.get().step_run_id == run.pk


def test_a_role_that_was_revoked_after_submission_stops_the_work(world: World) -> None:
    world.here()
    done = world.submit(script("touch /nonexistent/never"), targets=["here"])
    Membership.objects.filter(user=world.olga).update(ends_at=timezone.now())
    assert work_until_over(done.execution_id) == "failed"
    run = runs_of(done.execution_id)[0]
    assert run.category == "rbac"
    assert not EffectRecord.objects.exists()


def test_an_approved_plan_does_not_run_when_its_targets_changed_meanwhile(world: World) -> None:
    world.here("web-1", tags=["web"])
    done = world.submit(script("true"), targets=["tag:web"])
    world.here("web-2", tags=["web"])
    assert work_until_over(done.execution_id) == "failed"
    assert runs_of(done.execution_id)[0].category == "approval"


def test_a_busy_asset_makes_the_second_execution_wait_and_say_for_whom(world: World) -> None:
    world.here()
    first = world.submit(script("true", "a"), script("true", "b"), targets=["here"])
    second = world.submit(script("true"), targets=["here"])
    lifecycle.claim_one(runs_of(first.execution_id)[0].pk, worker="elsewhere", ttl_s=30)
    asset = runs_of(first.execution_id)[0].asset_id
    leases.acquire(
        tenant_id=world.acme.pk, execution_id=first.execution_id, assets=[asset], worker="elsewhere", ttl_s=30
    )
    work_off()
    waiting = runs_of(second.execution_id)[0]
    assert (waiting.status, waiting.attempt) == ("ready", 0)
    assert "1st in line for here, held by plan" in waiting.waiting_for
    leases.release(first.execution_id)
    lifecycle.wake_waiting_for([asset])
    assert work_until_over(second.execution_id) == "succeeded"


def test_an_execution_past_its_time_is_ended_with_the_policy_that_was_used(world: World) -> None:
    world.here()
    done = world.submit(script("sleep 60", timeout=1, action_class="read"), targets=["here"])
    assert work_until_over(done.execution_id) == "timed_out"
    run = runs_of(done.execution_id)[0]
    assert (run.status, run.stop_confirmed) == ("timed_out", True)
    assert "policy fast/read" in run.detail


def test_immediate_mode_runs_in_the_callers_process_without_a_broker(world: World) -> None:
    world.here()
    plan = {
        "version": 1,
        "name": "now",
        "mode": "immediate",
        "targets": ["here"],
        "steps": [script("echo now", action_class="read"), wait_step("b")],
    }
    submitted = submit(plan, user=world.olga, tenant=world.acme)
    assert (submitted.mode, submitted.status) == ("immediate", "approved")
    assert work_off() == 0
    assert immediate.run(submitted.execution_id) == "succeeded"


def test_a_holder_whose_lease_went_to_another_writes_nothing(world: World) -> None:
    done = world.submit(wait_step())
    stale = lifecycle.claim_from("fast", worker="first", ttl_s=30)
    assert stale is not None
    StepRun.objects.filter(pk=stale.step_run_id).update(lease_token=stale.token + 1000)
    outcome = Outcome(status=OutcomeStatus.SUCCEEDED)
    for write in (
        lambda: lifecycle.finish(stale, outcome, worker="first"),
        lambda: lifecycle.retry_later(stale, outcome, worker="first", delay_s=1),
        lambda: lifecycle.interrupt(stale, outcome, worker="first"),
        lambda: lifecycle.hand_over(stale, outcome, worker="first", resume=False),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert status_of(done.execution_id) == "running"


def test_the_database_itself_refuses_an_illegal_move(world: World) -> None:
    done = world.submit(wait_step())
    work_until_over(done.execution_id)
    with pytest.raises(IntegrityError, match="cannot move from succeeded"), transaction.atomic():
        Execution.objects.filter(pk=done.execution_id).update(status="running", finished_at=None)


def test_the_databases_table_of_moves_is_the_one_of_the_code() -> None:
    with connection.cursor() as cursor:
        for table, moves in (("opsc_execution", EXECUTION_MOVES), ("opsc_step_run", STEP_MOVES)):
            cursor.execute(
                "SELECT encode(tgargs, 'escape') FROM pg_trigger WHERE tgname = 'legal_moves' "
                "AND tgrelid = %s::regclass",
                [table],
            )
            arguments = set(cursor.fetchone()[0].split("\\000")) - {""}
            assert arguments == {f"{old}>{new}" for old, news in moves.items() for new in news}


def test_two_processes_never_claim_one_step_run(world: World) -> None:
    for _ in range(20):
        world.submit(wait_step())
    claims = in_threads(8, lambda _: [lifecycle.claim_from("fast", worker="w", ttl_s=30) for _ in range(5)])
    taken = [claim.step_run_id for some in claims for claim in some if claim is not None]
    assert len(taken) == len(set(taken)) == 20


def test_the_process_shows_itself_as_a_worker_while_it_works(world: World) -> None:
    until(lambda: Worker.objects.filter(state="active").exists())
