"""Between two steps a person loses the right to the next one: it is refused, and nothing of it gets round that."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from django.db.models import ProtectedError, QuerySet
from django.db.models.functions import Now

from executions import approvals, engine, lifecycle
from executions.fresh import BY_COMMAND
from executions.models import Asset, Event, Execution, StepRun
from safety import rbac
from safety.choices import Role
from safety.context import Outcome, OutcomeStatus
from safety.models import AccessDecision, Lease, Membership
from tests.losing import fails_once, lost_midway, work_until
from tests.world import World, events_of, runs_of, script, states_of, status_of, work_off

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")


def run_one(step_run_id: UUID) -> None:
    """Claim and run this step run only, and nothing that becomes ready by it."""
    step = lifecycle.claim_one(step_run_id, worker="w", ttl_s=30)
    assert step is not None
    engine.run(step, time.monotonic())


def two_steps(world: World, marker: Path, **more: object) -> UUID:
    """A plan whose first step is done; its second would touch the marker."""
    submitted = world.submit(
        script("true", "one", **more), script(f"touch {marker}", "two", **more), targets=["here"]
    )
    run_one(runs_of(submitted.execution_id)[0].pk)
    assert Lease.objects.count() == 1
    return submitted.execution_id


def memberships(world: World) -> QuerySet[Membership]:
    return Membership.objects.filter(user=world.olga)


LOSSES: dict[str, tuple[Callable[[World], object], str]] = {
    "another role": (
        lambda world: memberships(world).update(role=Role.VIEWER),
        "the role viewer does not allow it",
    ),
    "no membership": (lambda world: memberships(world).delete(), "no membership in this tenant"),
    "membership over": (lambda world: memberships(world).update(ends_at=Now()), "the membership has ended"),
    "account off": (
        lambda world: type(world.olga).objects.filter(pk=world.olga.pk).update(is_active=False),
        "the account is deactivated",
    ),
    "other environment": (
        lambda world: memberships(world).update(environments=["staging", "prod"]),
        "the role operator is limited to staging, prod, this is dev",
    ),
    "action class": (
        lambda world: memberships(world).update(action_classes=["read"]),
        "the role operator is limited to read steps, this is modify",
    ),
    "asset moved up": (
        lambda world: (
            memberships(world).update(environments=["dev"]),
            Asset.objects.update(environment="prod"),
        ),
        "the role operator is limited to dev, this is prod",
    ),
    "asset given away": (
        lambda world: Asset.objects.update(tenant=world.other),
        "the asset belongs to another tenant now",
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_whoever_lost_the_right_between_two_steps_runs_no_second_one(
    world: World, tmp_path: Path, loss: str
) -> None:
    lose, reason = LOSSES[loss]
    asset, marker = world.here(), tmp_path / "touched"
    execution_id = two_steps(world, marker, on_failure="continue", effect="idempotent", retries=3)
    lose(world)
    work_off()

    assert not marker.exists()
    run = runs_of(execution_id)[1]
    assert (run.status, run.category, run.detail) == ("failed", "rbac", f"not allowed: {reason}")
    assert run.attempt == 1
    assert not run.effects.exists()
    assert status_of(execution_id) == "failed"
    assert Execution.objects.get().status_reason == f"two: not allowed: {reason}"
    assert not Lease.objects.exists()
    event = Event.objects.get(type="rbac.violation")
    assert (event.tenant_id, event.execution_id, event.step_run_id) == (world.acme.pk, execution_id, run.pk)
    assert (event.actor_kind, event.actor) == ("worker", engine.HOLDINGS.worker)
    assert event.data == {
        "person": "olga",
        "question": "run:modify",
        "reason": reason,
        "environment": Asset.objects.get().environment,
        "asset": str(asset.pk),
    }
    decision = AccessDecision.objects.get(allowed=False)
    assert (decision.step_run_id, decision.asset_id, decision.reason) == (run.pk, asset.pk, reason)


def test_a_deactivated_asset_is_touched_by_no_further_step(world: World, tmp_path: Path) -> None:
    world.here()
    marker = tmp_path / "touched"
    execution_id = two_steps(world, marker)
    Asset.objects.update(is_active=False)
    work_off()
    assert not marker.exists()
    assert status_of(execution_id) == "failed"
    assert "is not active any more" in Execution.objects.get().status_reason
    assert not Lease.objects.exists()


def test_a_person_with_runs_is_deactivated_and_not_deleted(world: World, tmp_path: Path) -> None:
    world.here()
    two_steps(world, tmp_path / "touched")
    with pytest.raises(ProtectedError):
        world.olga.delete()


def test_a_superuser_without_membership_runs_nothing(world: World, tmp_path: Path) -> None:
    world.here()
    marker = tmp_path / "touched"
    execution_id = two_steps(world, marker)
    type(world.olga).objects.filter(pk=world.olga.pk).update(is_superuser=True, is_staff=True)
    memberships(world).delete()
    work_off()
    assert not marker.exists()
    assert runs_of(execution_id)[1].category == "rbac"


def test_each_step_is_asked_at_the_environment_of_its_own_asset(world: World, tmp_path: Path) -> None:
    world.here("test-1", environment="dev")
    world.here("live-1", environment="prod")
    submitted = world.submit(
        script(f"touch {tmp_path}/dev", "a", target="test-1"),
        script(f"touch {tmp_path}/prod", "b", target="live-1"),
        approval_level=0,
    )
    approvals.approve(
        submitted.execution_id,
        user=world.tom,
        approval_hash=submitted.approval_hash,
        signed_in=BY_COMMAND,
        comment="yes",
    )
    memberships(world).update(environments=["dev"])
    work_off()
    assert [path.name for path in tmp_path.iterdir()] == ["dev"]
    assert states_of(submitted.execution_id) == {"a": "succeeded", "b": "failed"}


def test_what_runs_elsewhere_ends_in_peace_and_nothing_new_begins(world: World, tmp_path: Path) -> None:
    world.here("left")
    world.here("right")
    done = world.submit(
        script("true", "one", on_failure="continue"),
        script(f"touch {tmp_path}/two", "two"),
        targets=["left", "right"],
    )
    left, right = (run for run in runs_of(done.execution_id) if run.step.key == "one")
    running = lifecycle.claim_one(left.pk, worker="w", ttl_s=30)
    assert running is not None
    memberships(world).delete()
    run_one(right.pk)
    assert status_of(done.execution_id) == "running"
    lifecycle.finish(running, Outcome(status=OutcomeStatus.SUCCEEDED), worker="w")
    work_off()
    assert {(run.step.key, run.status) for run in runs_of(done.execution_id)} == {
        ("one", "succeeded"),
        ("one", "failed"),
        ("two", "skipped"),
    }
    assert status_of(done.execution_id) == "failed"
    assert not list(tmp_path.iterdir())


def test_whoever_waited_for_the_asset_goes_on_after_a_refusal(world: World, tmp_path: Path) -> None:
    world.here()
    first = two_steps(world, tmp_path / "first")
    Membership.objects.create(user=world.nina, tenant=world.acme, role=Role.OPERATOR)
    world.olga, olga = world.nina, world.olga
    second = world.submit(script(f"touch {tmp_path}/second"), targets=["here"])
    run_one(runs_of(second.execution_id)[0].pk)
    assert runs_of(second.execution_id)[0].waiting_for
    Membership.objects.filter(user=olga).delete()
    work_off()
    assert (status_of(first), status_of(second.execution_id)) == ("failed", "succeeded")
    assert [path.name for path in tmp_path.iterdir()] == ["second"]


def test_at_a_reattach_a_lost_right_leaves_the_process_and_its_asset_to_a_person(
    world: World, tmp_path: Path
) -> None:
    world.here()
    file = tmp_path / "ran"
    submitted = lost_midway(world, f"echo x >> {file}; sleep 1", file)
    memberships(world).delete()
    work_until(submitted.execution_id, "needs_attention")
    assert runs_of(submitted.execution_id)[0].status == "interrupted"
    assert Lease.objects.get().under_review
    assert events_of(submitted.execution_id).count("rbac.violation") == 1


def test_an_error_inside_the_decision_starts_nothing_and_is_tried_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.here()
    marker = tmp_path / "touched"
    execution_id = two_steps(world, marker)
    fails_once(monkeypatch, rbac, "decide", DatabaseError("the disk is full"))
    run_one(runs_of(execution_id)[1].pk)
    run = runs_of(execution_id)[1]
    assert (run.status, run.category) == ("retrying", "internal")
    assert not run.effects.exists()
    assert not marker.exists()


def test_without_a_row_for_the_decision_no_step_runs(world: World, tmp_path: Path) -> None:
    world.here()
    marker = tmp_path / "touched"
    execution_id = two_steps(world, marker)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION lose_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            "CREATE TRIGGER lose_it BEFORE INSERT ON opsc_access_decision FOR EACH ROW EXECUTE FUNCTION lose_it()"
        )
    try:
        work_off()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER lose_it ON opsc_access_decision; DROP FUNCTION lose_it()")
    assert not marker.exists()
    assert runs_of(execution_id)[1].detail == "not allowed: no answer"


def test_a_role_that_nobody_knows_allows_nothing(world: World, tmp_path: Path) -> None:
    world.here()
    marker = tmp_path / "touched"
    execution_id = two_steps(world, marker)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE opsc_membership DROP CONSTRAINT membership_role_is_known")
        cursor.execute("UPDATE opsc_membership SET role = 'wizard' WHERE user_id = %s", [world.olga.pk])
    try:
        work_off()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM opsc_membership WHERE role = 'wizard'")
            cursor.execute(
                "ALTER TABLE opsc_membership ADD CONSTRAINT membership_role_is_known "
                "FOREIGN KEY (role) REFERENCES opsc_role (name)"
            )
    assert not marker.exists()
    assert runs_of(execution_id)[1].detail == "not allowed: the role wizard does not allow it"


def test_the_question_costs_a_step_one_statement(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    whole = rbac.fetch_one

    def counting(statement: LiteralString, values: Mapping[str, Any]) -> Any:
        asked.append(statement)
        return whole(statement, values)

    world.here()
    world.submit(script("true"), targets=["here"])
    monkeypatch.setattr(rbac, "fetch_one", counting)
    work_off()
    assert len(asked) == StepRun.objects.count() == 1
