"""What people do to executions: cancel, approve, reject, retry, release; and what they may not."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import approvals, control, lifecycle, releasing, sweeper
from executions.errors import Conflict, NotAllowed, NotFound
from executions.fresh import BY_COMMAND
from executions.models import Approval, Execution, StepRun
from executions.submission import Submitted, submit
from safety import leases
from safety.choices import Role
from safety.models import Lease, Membership
from tests import factories
from tests.world import (
    World,
    events_of,
    in_threads,
    runs_of,
    script,
    states_of,
    status_of,
    wait_step,
    work_off,
    work_until_over,
)

pytestmark = pytest.mark.usefixtures("working")


def in_prod(world: World) -> Submitted:
    """A plan that needs an approval by somebody else."""
    world.here(environment="prod")
    plan = {"version": 1, "name": "prod", "targets": ["here"], "steps": [script("true"), script("true", "b")]}
    return submit(plan, user=world.olga, tenant=world.acme)


def test_cancelling_what_waits_ends_it_at_once(world: World) -> None:
    submitted = world.submit(wait_step("a"), wait_step("b"))
    assert control.request_cancel(submitted.execution_id, user=world.olga, reason="not today") == "cancelled"
    assert set(states_of(submitted.execution_id).values()) == {"cancelled"}
    assert Execution.objects.get().status_reason == "not today"
    assert work_off() == 0


def test_cancelling_twice_is_the_same_as_once_and_after_the_end_it_is_refused(world: World) -> None:
    submitted = world.submit(wait_step())
    control.request_cancel(submitted.execution_id, user=world.olga, reason="")
    assert control.request_cancel(submitted.execution_id, user=world.olga, reason="") == "cancelled"
    done = world.submit(wait_step())
    work_until_over(done.execution_id)
    with pytest.raises(Conflict, match="over"):
        control.request_cancel(done.execution_id, user=world.olga, reason="")


def test_others_see_nothing_and_viewers_change_nothing(world: World) -> None:
    submitted = world.submit(wait_step())
    with pytest.raises(NotFound):
        control.request_cancel(submitted.execution_id, user=world.nina, reason="")
    Membership.objects.filter(user=world.olga).update(role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        control.request_cancel(submitted.execution_id, user=world.olga, reason="")


def test_an_approver_who_did_not_ask_for_it_approves_and_it_runs(world: World) -> None:
    submitted = in_prod(world)
    approvals.approve(
        submitted.execution_id,
        user=world.tom,
        approval_hash=submitted.approval_hash,
        signed_in=BY_COMMAND,
        comment="seen",
    )
    assert work_until_over(submitted.execution_id) == "succeeded"
    approval = Approval.objects.get()
    assert (approval.decided_by, approval.comment, approval.signed_in_with) == (world.tom, "seen", "command")


def test_nobody_approves_their_own_run_or_something_else_than_they_saw(world: World) -> None:
    submitted = in_prod(world)
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    with pytest.raises(NotAllowed, match="yourself"):
        approvals.approve(
            submitted.execution_id,
            user=world.olga,
            approval_hash=submitted.approval_hash,
            signed_in=BY_COMMAND,
        )
    with pytest.raises(NotFound):
        approvals.approve(
            submitted.execution_id,
            user=world.nina,
            approval_hash=submitted.approval_hash,
            signed_in=BY_COMMAND,
        )
    with pytest.raises(Conflict, match="what would run"):
        approvals.approve(
            submitted.execution_id, user=world.tom, approval_hash="0" * 64, signed_in=BY_COMMAND
        )
    assert status_of(submitted.execution_id) == "pending_approval"


def test_a_rejected_run_never_runs(world: World) -> None:
    submitted = in_prod(world)
    approvals.reject(submitted.execution_id, user=world.tom, comment="not on a friday")
    assert status_of(submitted.execution_id) == "rejected"
    with pytest.raises(Conflict, match="rejected"):
        approvals.approve(
            submitted.execution_id,
            user=world.tom,
            approval_hash=submitted.approval_hash,
            signed_in=BY_COMMAND,
        )
    assert work_off() == 0


def test_an_approval_that_nobody_gives_in_time_expires(world: World) -> None:
    submitted = in_prod(world)
    Approval.objects.update(expires_at=Now() - timedelta(seconds=1))
    with pytest.raises(Conflict, match="expired"):
        approvals.approve(
            submitted.execution_id,
            user=world.tom,
            approval_hash=submitted.approval_hash,
            signed_in=BY_COMMAND,
        )
    assert sweeper.tick()["approvals_expired"] == 1
    assert status_of(submitted.execution_id) == "expired"
    assert set(states_of(submitted.execution_id).values()) == {"cancelled"}


def test_without_its_approval_row_a_step_does_not_run(world: World) -> None:
    submitted = in_prod(world)
    approvals.approve(
        submitted.execution_id, user=world.tom, approval_hash=submitted.approval_hash, signed_in=BY_COMMAND
    )
    Approval.objects.update(approval_hash="0" * 64)
    assert work_until_over(submitted.execution_id) == "failed"
    assert runs_of(submitted.execution_id)[0].category == "approval"


@pytest.mark.parametrize("round_", range(5))
def test_approve_and_cancel_at_one_moment_have_one_outcome(world: World, round_: int) -> None:
    submitted = in_prod(world)
    calls = (
        lambda: approvals.approve(
            submitted.execution_id,
            user=world.tom,
            approval_hash=submitted.approval_hash,
            signed_in=BY_COMMAND,
        ),
        lambda: control.request_cancel(submitted.execution_id, user=world.olga, reason="no"),
    )
    in_threads(2, lambda number: calls[number]())
    assert status_of(submitted.execution_id) == "cancelled"
    assert set(states_of(submitted.execution_id).values()) == {"cancelled"}


def test_cancel_and_finish_at_one_moment_have_one_outcome(world: World) -> None:
    outcomes = set()
    for _ in range(25):
        submitted = world.submit(wait_step("a"), wait_step("b"))

        def cancel(submitted: Submitted = submitted) -> str:
            return control.request_cancel(submitted.execution_id, user=world.olga, reason="race")

        actions = (work_off, cancel)
        results = in_threads(2, lambda number, actions=actions: actions[number]())
        assert not [result for result in results if isinstance(result, Exception)] or isinstance(
            results[1], Conflict
        )
        outcomes.add(work_until_over(submitted.execution_id))
        execution = Execution.objects.get(pk=submitted.execution_id)
        assert execution.open_runs == 0
        assert events_of(submitted.execution_id).count(f"execution.{execution.status}") == 1
    assert outcomes <= {"cancelled", "succeeded"}


def test_a_retry_is_a_new_execution_that_points_at_the_old_one(world: World) -> None:
    world.here()
    first = world.submit(
        script("true", "a", action_class="read"),
        script("exit 1", "b", action_class="read"),
        wait_step("c"),
        targets=["here"],
    )
    work_until_over(first.execution_id)
    whole = control.retry(first.execution_id, user=world.olga)
    part = control.retry(first.execution_id, user=world.olga, failed_only=True)
    assert Execution.objects.get(pk=part.execution_id).retry_of_id == first.execution_id
    assert set(states_of(whole.execution_id)) == {"a", "b", "c"}
    assert set(states_of(part.execution_id)) == {"b", "c"}
    assert status_of(first.execution_id) == "failed"


def test_a_narrowed_retry_that_was_approved_runs(world: World) -> None:
    world.here()
    first = world.submit(script("true", "a"), script("test -e /tmp/not-there", "b"), targets=["here"])
    work_until_over(first.execution_id)
    part = control.retry(first.execution_id, user=world.olga, failed_only=True, confirmed=True)
    assert work_until_over(part.execution_id) == "failed"
    assert runs_of(part.execution_id)[0].category == "exit_code"


def test_what_is_open_or_wholly_done_is_not_retried(world: World) -> None:
    submitted = world.submit(wait_step())
    with pytest.raises(Conflict, match="still"):
        control.retry(submitted.execution_id, user=world.olga)
    work_until_over(submitted.execution_id)
    with pytest.raises(Conflict, match="nothing to retry"):
        control.retry(submitted.execution_id, user=world.olga, failed_only=True)


def test_only_a_tenant_admin_releases_a_lease_and_only_one_under_review(world: World) -> None:
    asset = world.here()
    submitted = world.submit(script("true"), targets=["here"])
    taken = {"tenant_id": world.acme.pk, "execution_id": submitted.execution_id, "worker": "w"}
    leases.acquire(assets=[asset.pk], ttl_s=30, **taken)
    with pytest.raises(NotFound):
        releasing.release_lease(asset.pk, user=world.nina, reason="I want it")
    with pytest.raises(NotAllowed):
        releasing.release_lease(asset.pk, user=world.olga, reason="it is free")
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    with pytest.raises(Conflict, match="at work"):
        releasing.release_lease(asset.pk, user=world.tom, reason="it is free")
    leases.keep_for_review(submitted.execution_id, asset_id=asset.pk, reason="unknown")
    releasing.release_lease(asset.pk, user=world.tom, reason="I looked")
    assert not Lease.objects.exists()


def test_while_a_tenant_is_held_nothing_of_it_starts(world: World) -> None:
    submitted = world.submit(wait_step())
    factories.a_switch(world.acme)
    assert lifecycle.claim_from("fast", worker="w", ttl_s=30) is None
    assert StepRun.objects.get(execution=submitted.execution_id).status == "ready"
