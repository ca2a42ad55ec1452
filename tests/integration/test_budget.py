"""Every second of an execution's life is counted once: work spends the budget, waits are counted apart."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from executions import control, engine, lifecycle, resolution, sweeper
from executions.approvals import approve
from executions.budget import Budget, budget_of
from executions.fresh import BY_COMMAND
from executions.lifecycle import ClaimedStep
from executions.models import Event, Execution, StepRun, Worker
from executions.states import CLOCK_OF, ExecutionStatus
from executions.submission import submit
from safety import leases
from safety.context import Outcome, OutcomeStatus
from safety.models import Lease
from safety.sql import fetch
from tests import factories
from tests.world import World, runs_of, script, status_of, wait_step, work_off

ELSEWHERE = UUID(int=1)


def claim(run: StepRun) -> ClaimedStep:
    step = lifecycle.claim_one(run.pk, worker="w", ttl_s=30)
    assert step is not None
    return step


def budget() -> Budget:
    return budget_of(Execution.objects.get())


def time_passes(seconds: float) -> None:
    """Move what an execution remembers of its times into the past, as if so many seconds had gone by."""
    past = timedelta(seconds=seconds)
    for name in ("created_at", "clock_since", "deadline_at"):
        Execution.objects.filter(**{f"{name}__isnull": False}).update(**{name: F(name) - past})
    StepRun.objects.filter(waiting_since__isnull=False).update(waiting_since=F("waiting_since") - past)
    StepRun.objects.filter(not_before__isnull=False).update(not_before=F("not_before") - past)


def taken(world: World, names: list[str], plan: list[dict[str, Any]]) -> list[StepRun]:
    """The step runs of a new execution all of whose assets another one holds."""
    assets = [world.here(name).pk for name in names]
    leases.acquire(
        tenant_id=world.acme.pk, execution_id=ELSEWHERE, assets=assets, worker="elsewhere", ttl_s=3000
    )
    return runs_of(world.submit(*plan, targets=names).execution_id)


def test_the_database_counts_a_state_as_the_code_does(world: World) -> None:
    with connection.cursor() as cursor:
        for status in ExecutionStatus.values:
            cursor.execute("SELECT opsc_clock_of(%s)", [status])
            assert cursor.fetchone()[0] == CLOCK_OF.get(status, "")


@pytest.mark.usefixtures("working")
def test_many_waits_at_once_for_a_busy_asset_are_counted_once_and_spend_nothing(world: World) -> None:
    taken(world, ["a", "b", "c", "d"], [script("true")])
    work_off()
    assert budget().clock == "leases"
    time_passes(10)
    leases.release(ELSEWHERE)
    StepRun.objects.update(not_before=None)
    work_off()
    done = budget()
    assert Execution.objects.get().status == "succeeded"
    assert 10 <= done.lease_wait_s < 15
    assert done.spent_s < 5


@pytest.mark.usefixtures("working")
def test_a_poll_that_finds_the_asset_still_busy_spends_nothing(world: World) -> None:
    taken(world, ["a"], [script("true")])
    work_off()
    for _ in range(3):
        time_passes(20)
        work_off()
    assert budget().clock == "leases"
    assert budget().lease_wait_s >= 60
    assert budget().spent_s < 5
    sweeper.tick()
    assert Execution.objects.get().cancel_requested_at is None


@pytest.mark.usefixtures("working")
def test_while_one_step_works_the_wait_of_another_spends_too(world: World) -> None:
    world.here("a"), world.here("b")
    runs = runs_of(world.submit(script("true"), targets=["a", "b"]).execution_id)
    claim(runs[0])
    step = claim(runs[1])
    waits = Outcome(status=OutcomeStatus.WAITING, waits_for=(ELSEWHERE,))
    lifecycle.wait_for_assets(step, waits, worker="w", delay_s=15)
    assert budget().clock == "work"
    time_passes(5)
    assert budget().spent_s >= 5
    StepRun.objects.filter(pk=runs[0].pk).update(status="succeeded", finished_at=timezone.now())
    sweeper.tick()
    assert budget().clock == "leases"


def test_a_step_that_waited_gets_what_the_execution_has_left(world: World) -> None:
    run = taken(world, ["a"], [script("true")])[0]
    step = claim(run)
    whole = step.left_s
    time_passes(3)
    lifecycle.wait_for_assets(
        step, Outcome(status=OutcomeStatus.WAITING, waits_for=(ELSEWHERE,)), worker="w", delay_s=0
    )
    assert Execution.objects.get().deadline_at is None
    time_passes(500)
    again = claim(run)
    assert again.waited
    assert whole - 5 < again.left_s <= whole - 3
    lifecycle.work_goes_on(again.execution_id)
    left = Execution.objects.get().deadline_at
    assert left is not None
    assert left - timezone.now() < timedelta(seconds=whole - 2)


def test_the_time_until_an_approval_and_until_a_first_worker_is_counted_apart(world: World) -> None:
    world.here(environment="prod")
    steps = [script("true", action_class="modify")]
    plan = {"version": 1, "name": "p", "mode": "background", "targets": ["here"], "steps": steps}
    submitted = submit(plan, user=world.olga, tenant=world.acme)
    time_passes(40)
    approve(
        submitted.execution_id, user=world.tom, approval_hash=submitted.approval_hash, signed_in=BY_COMMAND
    )
    time_passes(7)
    step = claim(runs_of(submitted.execution_id)[0])
    now = budget()
    assert (now.approval_wait_s // 10, now.queue_wait_s // 7, now.spent_s // 5) == (4, 1, 0)
    assert step.left_s > Execution.objects.get().limit_s - 5
    assert "waited 40 s for approval, 7 s for a first worker" in now.sentence


@pytest.mark.usefixtures("working")
def test_an_assets_lease_lasts_as_the_policy_says_and_no_renewal_shortens_it(world: World) -> None:
    world.here()
    runs = runs_of(world.submit(script("true"), script("true", "b"), targets=["here"]).execution_id)
    engine.run(claim(runs[0]), time.monotonic())
    taken = Lease.objects.get()
    limit_s = Execution.objects.get().lease_limit_s
    assert limit_s == 20  # fast/modify
    assert abs((taken.expires_at - taken.acquired_at).total_seconds() - limit_s) < 1
    fetch(leases.RENEW, {"executions": [taken.execution_id], "ttl": 1})
    assert Lease.objects.get().expires_at == taken.expires_at
    fetch(leases.RENEW, {"executions": [taken.execution_id], "ttl": 90})
    assert Lease.objects.get().expires_at > taken.expires_at


def test_a_persons_decision_takes_no_time_and_gives_the_budget_anew(world: World) -> None:
    world.here()
    run = runs_of(world.submit(script("true", effect="unsafe"), targets=["here"]).execution_id)[0]
    step = claim(run)
    time_passes(4)
    lifecycle.interrupt(step, Outcome(status=OutcomeStatus.INTERRUPTED, detail="lost"), worker="w")
    time_passes(5000)
    sweeper.tick()
    resolution.resolve(run.pk, user=world.olga, decision="retry", reason="it did not happen")
    now = budget()
    assert now.decision_wait_s >= 5000
    assert now.spent_earlier_s >= 4
    assert now.spent_s < 2
    assert claim(run).left_s > now.limit_s - 3


def test_a_held_tenant_spends_no_time_and_loses_no_place(world: World) -> None:
    running = world.submit(wait_step("a"), wait_step("b")).execution_id
    queued = world.submit(wait_step()).execution_id
    first = claim(runs_of(running)[0])
    lifecycle.finish(first, Outcome(status=OutcomeStatus.SUCCEEDED), worker="w")
    Worker.objects.create(name="h:1:1", queues=["fast"], version="1")
    factories.a_switch(world.acme)
    sweeper.tick()
    time_passes(50_000)
    sweeper.tick()
    assert {status_of(running), status_of(queued)} == {"running", "queued"}
    factories.switches_lifted()
    sweeper.tick()
    for execution in Execution.objects.all():
        assert execution.pause_wait_s >= 50_000
        assert execution.clock == CLOCK_OF[execution.status]
    sweeper.tick()
    assert {status_of(running), status_of(queued)} == {"running", "queued"}


def test_what_no_worker_takes_is_timed_out_after_its_own_limit(world: World) -> None:
    submitted = world.submit(wait_step())
    time_passes(4000)
    sweeper.tick()
    assert status_of(submitted.execution_id) == "queued"  # nobody could have taken it
    Worker.objects.create(name="h:1:1", queues=["fast"], version="1")
    sweeper.tick()
    assert status_of(submitted.execution_id) == "queued"  # it is the backlog of an outage
    Worker.objects.update(started_at=timezone.now() - timedelta(seconds=3700))
    sweeper.tick()
    execution = Execution.objects.get()
    assert execution.status == "timed_out"
    assert execution.status_reason == "no worker took it within 3600 s (OPSC_QUEUE_WAIT_S)"
    told = Event.objects.get(type="execution.timed_out").data
    assert (told["policy"], told["spent_s"]) == ("fast/read", 0)
    assert Execution.objects.filter(blocks_repeats=True).count() == 0


def test_the_end_of_the_budget_ends_the_execution_with_its_policy_on_record(world: World) -> None:
    submitted = world.submit(wait_step("a"), wait_step("b"))
    first = claim(runs_of(submitted.execution_id)[0])
    lifecycle.finish(first, Outcome(status=OutcomeStatus.SUCCEEDED), worker="w")
    time_passes(11)  # the second step waits for a worker all that time
    sweeper.tick()
    execution = Execution.objects.get()
    assert execution.status == "timed_out"
    assert "limit of 11 s for the whole execution was reached (policy fast/read)" in execution.status_reason
    told = Event.objects.get(type="execution.timed_out").data
    assert (told["policy"], told["limit_s"], told["reason"]) == ("fast/read", 11, execution.status_reason)
    assert told["spent_s"] >= 11


def test_a_retry_that_could_not_begin_in_time_is_not_scheduled(world: World) -> None:
    submitted = world.submit(wait_step(retries=2))
    step = claim(runs_of(submitted.execution_id)[0])
    failed = Outcome(status=OutcomeStatus.FAILED, category="exit_code", detail="exit code 1", retryable=True)
    engine._record(step, failed, left_s=0.4)
    run = runs_of(submitted.execution_id)[0]
    assert run.status == "failed"
    assert run.detail == (
        "exit code 1; not tried again: the execution's time ends before that (policy fast/read)"
    )


def test_the_parts_of_an_executions_life_add_up_to_all_of_it(world: World) -> None:
    run = taken(world, ["a"], [script("true")])[0]
    time_passes(3)
    step = claim(run)
    time_passes(2)
    lifecycle.wait_for_assets(
        step, Outcome(status=OutcomeStatus.WAITING, waits_for=(ELSEWHERE,)), worker="w", delay_s=0
    )
    time_passes(30)
    factories.a_switch(world.acme)
    sweeper.tick()
    time_passes(100)
    factories.switches_lifted()
    sweeper.tick()
    time_passes(5)
    control.cancel_for_timeout(run.execution_id)
    execution = Execution.objects.get()
    parts = budget_of(execution)
    counted = sum(
        value for name, value in parts.as_data().items() if name.endswith("_s") and name != "limit_s"
    )
    assert execution.finished_at is not None
    assert abs((execution.finished_at - execution.created_at).total_seconds() - counted) < 0.01
