"""Machines, stores and databases that fail at the worst moment: what is on record stays true."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from executions import dispatch, engine, lifecycle, reaper, sweeper
from executions.lifecycle import ClaimedStep, Ready
from executions.models import Asset, Execution, Step, StepRun
from executions.submission import submit
from safety import leases, rbac
from safety.choices import Role
from safety.context import Outcome, OutcomeStatus
from safety.models import Lease, Membership
from safety.secrets import middleware as secrets_middleware
from safety.secrets.errors import StoreUnreachable
from safety.sql import fetch
from tests import factories
from tests.losing import (
    HERE,
    LONG_AGO,
    WORKER,
    claim,
    fails_once,
    lose,
    lost,
    lost_midway,
    unsafe_step,
    work_until,
)
from tests.services.httpd import TargetHttp
from tests.world import World, in_threads, runs_of, script, status_of, until, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")
OK = Outcome(status=OutcomeStatus.SUCCEEDED)
PROBE = {"kind": "script", "with": {"script": "true"}}


def checkable_step(**more: object) -> dict:
    return unsafe_step(target="here", effect="checkable", verify=PROBE) | more


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (secrets_middleware, "_resolve", StoreUnreachable("the store does not answer")),
        (rbac, "decide", OperationalError("the connection was closed")),
    ],
)
def test_a_guard_that_fails_once_at_a_reattach_neither_fails_nor_repeats_the_script(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: ModuleType,
    name: str,
    error: Exception,
) -> None:
    world.here()
    file = tmp_path / "ran"
    submitted = lost_midway(world, f"echo x >> {file}; sleep 1", file)
    fails_once(monkeypatch, place, name, error)
    work_until(submitted.execution_id, "succeeded")
    assert file.read_text() == "x\n"
    assert runs_of(submitted.execution_id)[0].attempt == 1


def test_a_secret_deleted_before_the_reattach_leaves_the_question_and_the_asset_to_a_person(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.here()
    file = tmp_path / "ran"
    monkeypatch.setenv("OPSC_SECRET_ACME__TOKEN", "hunter2hunter2")
    secrets = {"TOKEN": {"secret": "env:TOKEN"}}
    submitted = lost_midway(world, f"echo x >> {file}; sleep 1", file, secrets=secrets)
    monkeypatch.delenv("OPSC_SECRET_ACME__TOKEN")
    after = world.submit(script(f"echo other >> {file}"), targets=["here"])
    work_until(submitted.execution_id, "needs_attention")
    work_off()
    assert Lease.objects.get().under_review
    assert not Execution.objects.get(pk=after.execution_id).is_terminal
    assert file.read_text() == "x\n"


def test_an_asset_deactivated_before_the_reattach_leaves_the_question_to_a_person(
    world: World, tmp_path: Path
) -> None:
    world.here()
    file = tmp_path / "ran"
    submitted = lost_midway(world, f"echo x >> {file}; sleep 1", file)
    Asset.objects.update(is_active=False)
    work_until(submitted.execution_id, "needs_attention")
    assert runs_of(submitted.execution_id)[0].status == "interrupted"
    assert Lease.objects.get().under_review


def test_the_probe_is_still_asked_first_after_a_second_lost_worker(world: World) -> None:
    world.here()
    lost(world, checkable_step())
    sweeper.tick()
    lose(begun=False)
    sweeper.tick()
    assert StepRun.objects.get().verify_first


def test_what_the_probe_would_find_applied_is_not_sent_again_because_a_store_was_away(
    world: World, target_http: TargetHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.here()
    post = {"method": "POST", "url": f"{target_http.url}/"}
    step = lost(world, checkable_step(**{"with": post}))
    sweeper.tick()
    fails_once(monkeypatch, secrets_middleware, "_resolve", StoreUnreachable("the store does not answer"))
    work_until(step.execution_id, "succeeded")
    assert StepRun.objects.get().category == "verified"
    assert target_http.journal.read_text() == ""


def test_a_role_that_ended_before_the_probe_was_asked_is_no_failure_of_the_step(world: World) -> None:
    world.here()
    step = lost(world, checkable_step())
    sweeper.tick()
    Membership.objects.filter(user=world.olga).update(ends_at=timezone.now())
    work_until(step.execution_id, "needs_attention")
    assert StepRun.objects.get().status == "interrupted"


def test_a_local_step_begun_elsewhere_then_claimed_and_lost_here_is_not_begun_again(
    world: World, tmp_path: Path
) -> None:
    world.here()
    file = tmp_path / "ran"
    submitted = world.submit(script(f"echo x >> {file}"), targets=["here"])
    for host in ("elsewhere", HERE):
        lose(host=host)
        sweeper.tick()
    work_until(submitted.execution_id, "needs_attention")
    assert not file.exists()


def somebody_waits() -> bool:
    """Whether another connection waits for a lock in this database."""
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    fetch("SELECT pg_stat_clear_snapshot()")  # the view is read once a transaction
    return bool(fetch(waiting))


def test_two_workers_that_claim_the_first_steps_at_once_both_have_a_time_limit(world: World) -> None:
    submitted = world.submit(wait_step("a", depends_on=[]), wait_step("b", depends_on=[]))
    first, second = runs_of(submitted.execution_id)
    taken = threading.Event()

    def take(number: int) -> ClaimedStep:
        if number == 1:
            assert taken.wait(10)
            return claim(step_run_id=second.pk)
        with transaction.atomic():
            claimed = claim(step_run_id=first.pk)
            taken.set()
            until(somebody_waits)
            return claimed

    claims = in_threads(2, take)
    assert all(claimed.left_s > 1 for claimed in claims)
    engine.run(claims[1], time.monotonic())
    assert StepRun.objects.get(pk=second.pk).status == "succeeded"


def test_the_backlog_of_a_held_tenant_hides_no_lost_wake_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(11):
        world.submit(*[wait_step(f"s{n}", depends_on=[]) for n in range(95)])
    factories.a_switch(world.acme)
    Membership.objects.create(tenant=world.other, user=world.olga, role=Role.OPERATOR)
    plan = {"version": 1, "name": "o", "mode": "background", "steps": [wait_step("long", estimate=100)]}
    submit(plan, user=world.olga, tenant=world.other, confirmed=True)
    StepRun.objects.update(ready_at=LONG_AGO)
    woken: list[Ready] = []
    monkeypatch.setattr(dispatch, "wake", woken.extend)
    sweeper.tick()
    assert {run.queue for run in woken} == {"long"}


def test_a_step_run_that_cannot_be_taken_over_stops_neither_the_others_nor_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost(world, wait_step())
    lost(world, wait_step())
    late = world.submit(wait_step())
    Execution.objects.filter(pk=late.execution_id).update(status="running", started_at=LONG_AGO)
    Execution.objects.filter(pk=late.execution_id).update(deadline_at=LONG_AGO)
    fails_once(monkeypatch, reaper, "_take_over", OperationalError("deadlock detected"))
    sweeper.tick()
    assert status_of(late.execution_id) == "timed_out"
    assert StepRun.objects.filter(crashes=1).count() == 1


def test_a_zero_byte_in_what_went_wrong_is_no_reason_to_lose_the_record(world: World) -> None:
    submitted = world.submit(wait_step())
    said = Outcome(status=OutcomeStatus.FAILED, detail="the shell said \x00 twice")
    lifecycle.finish(claim(), said, worker=WORKER)
    assert status_of(submitted.execution_id) == "failed"
    assert "the shell said" in StepRun.objects.get().detail


def test_waits_at_the_same_time_do_not_add_up_in_the_deadline(world: World) -> None:
    names = [f"host-{n}" for n in range(5)]
    for name in names:
        world.here(name)
    submitted = world.submit(script("true"), targets=names)
    first, *others = runs_of(submitted.execution_id)
    claim(step_run_id=first.pk)
    before = Execution.objects.get().deadline_at
    moment = timezone.now() - timedelta(seconds=100)
    StepRun.objects.filter(status="ready").update(waiting_since=moment)
    for run in others:
        claim(step_run_id=run.pk)
    after = Execution.objects.get().deadline_at
    assert before is not None
    assert after is not None
    assert after - before < timedelta(seconds=120)


def test_a_holder_that_lost_its_claim_takes_no_asset(world: World) -> None:
    world.here()
    world.submit(script("true"), targets=["here"])
    stale = claim()
    StepRun.objects.update(lease_token=F("lease_token") + 1)
    engine.run(stale, time.monotonic())
    assert not Lease.objects.exists()


def test_the_end_of_a_step_holds_nothing_while_it_waits_for_its_execution(world: World) -> None:
    """One order of locks, so that an end and a cancel never stop each other."""
    world.here()
    world.submit(script("true", "a"), script("true", "b"), targets=["here"])
    claimed, locked = claim(), threading.Event()

    def finish_or_look(number: int) -> bool:
        if number == 1:
            assert locked.wait(10)
            lifecycle.finish(claimed, OK, worker=WORKER)
            return True
        with transaction.atomic():
            fetch(lifecycle.LOCK, {"execution": claimed.execution_id})
            locked.set()
            until(somebody_waits)
            return Step.objects.select_for_update(skip_locked=True).filter(pk=claimed.step_id).exists()

    assert in_threads(2, finish_or_look) == [True, True]


@pytest.mark.parametrize(
    "act",
    [
        lambda execution: fetch(leases.RENEW, {"executions": [execution], "ttl": 30}),
        lambda execution: leases.keep_for_review(execution, asset_id=None, reason="unknown"),
        lambda execution: leases.end_review(execution, Asset.objects.values_list("pk", flat=True)),
        leases.release,
    ],
    ids=["renew", "keep", "end the review", "release"],
)
def test_leases_are_locked_in_the_order_of_their_assets(world: World, act: Callable[[UUID], object]) -> None:
    """In whatever order they were taken: two that want the same leases never stop each other."""
    ids = sorted(world.here(name).pk for name in "xyz")
    execution = world.submit(script("true"), targets=["x", "y", "z"]).execution_id
    for asset in reversed(ids):
        leases.acquire(
            tenant_id=world.acme.pk, execution_id=execution, assets=[asset], worker=WORKER, ttl_s=30
        )
    locked = threading.Event()

    def act_or_look(number: int) -> int:
        if number == 1:
            assert locked.wait(10)
            act(execution)
            return 2
        with transaction.atomic():
            Lease.objects.select_for_update().get(lockable_id=ids[0])
            locked.set()
            until(somebody_waits)
            return len(Lease.objects.select_for_update(skip_locked=True).exclude(lockable_id=ids[0]))

    assert in_threads(2, act_or_look) == [2, 2]
