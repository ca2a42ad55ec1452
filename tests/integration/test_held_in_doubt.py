"""Switches, limits, gates and shadows where an outcome is unknown, something is done once more, or a part fails."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.db.models import F

from executions import control, lifecycle, resolution, rolling, sweeper, switching
from executions.errors import Conflict
from executions.holdings import HOLDINGS
from executions.lifecycle import ClaimedStep
from executions.models import Approval, Execution, StepGate
from executions.rolling import Wanted
from executions.switching import Scope
from safety import limits
from safety.context import Outcome, OutcomeStatus
from safety.models import Limit, Tenant
from tests import factories
from tests.integration.test_stepwise import begun, go_on, hash_of, let_in
from tests.world import World, runs_of, script, status_of, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")


def claim() -> ClaimedStep | None:
    return lifecycle.claim_from("fast", worker=HOLDINGS.worker, ttl_s=30)


def interrupt(step: ClaimedStep | None) -> None:
    assert step is not None
    unknown = Outcome(status=OutcomeStatus.INTERRUPTED, category="lost", detail="nobody knows")
    lifecycle.interrupt(step, unknown, worker=HOLDINGS.worker)


def half_in_doubt(world: World) -> UUID:
    """One step of unknown outcome, and another still at work."""
    steps = wait_step("a", depends_on=[]), wait_step("b", depends_on=[])
    execution_id = world.submit(*steps).execution_id
    first, _ = claim(), claim()
    interrupt(first)
    assert status_of(execution_id) == "needs_attention"
    return execution_id


def rolled(tenant: Tenant, phase: str) -> None:
    root, _ = User.objects.get_or_create(username="root", is_superuser=True)
    rolling.change(tenant, Wanted(phase=phase), user=root, reason="step by step")


def test_a_stop_ends_what_works_also_beside_an_unknown_outcome(world: World) -> None:
    execution_id = half_in_doubt(world)
    switching.turn(Scope(tenant=world.acme), mode="stop", user=world.olga, reason="fire", lasts_s=60)
    assert Execution.objects.get(pk=execution_id).cancel_requested_at is not None


def test_what_works_beside_an_unknown_outcome_counts_as_one_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FRESH_S", 0.0)
    half_in_doubt(world)
    Limit.objects.create(tenant=world.acme, kind="running", most=1)
    world.submit(wait_step())
    assert claim() is None


def test_a_shadow_answers_for_no_real_run_and_is_not_retried_in_part(world: World, tmp_path: Path) -> None:
    world.here()
    rolled(world.acme, "shadow")
    plan = script(f"touch {tmp_path}/real")
    shadow = world.submit(plan, targets=["here"], name="the same")
    again = world.submit(plan, targets=["here"], name="the same")
    assert (again.execution_id, again.created) == (shadow.execution_id, False)
    work_off()
    rolled(world.acme, "full")
    with pytest.raises(Conflict, match="A shadow did nothing"):
        control.retry(shadow.execution_id, user=world.olga, failed_only=True)
    world.submit(plan, targets=["here"], name="the same")
    work_off()
    assert (tmp_path / "real").exists()


def test_what_is_done_once_more_is_let_in_once_more(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    let_in(execution_id, "one", world.tom)
    interrupt(claim())
    run = runs_of(execution_id)[1]
    resolution.resolve(run.pk, user=world.olga, decision="retry", reason="it did not happen")
    go_on()
    assert list(tmp_path.iterdir()) == []
    assert StepGate.objects.get(step__key="one").status == "requested"


def test_the_requester_lets_nothing_in_whatever_the_record_says(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    wanted, approval = hash_of(execution_id, "one"), Approval.objects.get()
    StepGate.objects.update(status="approved", decided_by=world.olga, gate_hash=wanted)
    factories.a_vote(approval, world.olga, gate=StepGate.objects.get(), approval_hash=wanted)
    go_on()
    assert StepGate.objects.get().status == "requested"  # asked for again
    assert list(tmp_path.iterdir()) == []


def test_a_gate_and_its_run_end_together_or_not_at_all(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = begun(world, tmp_path)
    StepGate.objects.update(expires_at=F("requested_at") - timedelta(seconds=1))

    def broken(*_: object) -> str:
        raise DatabaseError("deadlock")

    with monkeypatch.context() as patched:
        patched.setattr(control, "cancel_for_timeout", broken)
        sweeper.tick()
    assert StepGate.objects.get().status == "requested"
    sweeper.tick()
    assert (StepGate.objects.get().status, status_of(execution_id)) == ("expired", "timed_out")
