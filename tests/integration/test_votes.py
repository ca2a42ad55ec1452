"""Where several people have to approve: one vote each, the last one queues it, one reject ends it, one outcome."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from executions import approvals, control
from executions.errors import Conflict, NotAllowed
from executions.models import Approval, Event, Execution, StepRun, Vote
from executions.submission import Submitted
from safety.choices import Role
from safety.models import ApprovalPolicy, Membership
from tests import factories
from tests.approving import a_run, reject, signed_in, vote
from tests.commands import manage
from tests.world import World, events_of, runs_of, status_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def ada(world: World) -> User:
    """A second approver of Acme."""
    return factories.a_person("ada", Role.APPROVER, tenant=world.acme)


def approval_of(execution_id: UUID) -> Approval:
    return Approval.objects.get(execution=execution_id)


def test_the_last_vote_that_is_needed_queues_it(world: World, ada: User) -> None:
    done = a_run(world)
    assert vote(done, world.tom, "looks right") == 1
    told = manage("show", done.execution_id, "--as", "olga").out
    assert f"{done.approval_hash[:12]}; 1 of 2 approvals: tom. Can still approve: ada." in told
    assert (status_of(done.execution_id), approval_of(done.execution_id).status) == (
        "pending_approval",
        "requested",
    )
    assert StepRun.objects.get().status == "pending"
    assert vote(done, ada) == 0
    assert work_until_over(done.execution_id) == "succeeded"
    votes = Vote.objects.order_by("pk").values_list("person__username", "comment", "approval_hash")
    assert list(votes) == [("tom", "looks right", done.approval_hash), ("ada", "", done.approval_hash)]
    assert approval_of(done.execution_id).decided_by == ada
    told = [name for name in events_of(done.execution_id) if name.startswith("approval")]
    assert told == ["approval.requested", "approval.voted", "approval.approved"]


def test_nobody_counts_twice_and_the_requester_not_at_all(world: World, ada: User) -> None:
    del ada
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    done = a_run(world)
    vote(done, world.tom)
    with pytest.raises(Conflict, match="You approved this already"):
        vote(done, world.tom)
    with pytest.raises(NotAllowed, match="yourself"):
        vote(done, world.olga)
    assert status_of(done.execution_id) == "pending_approval"
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.a_vote(approval_of(done.execution_id), world.tom)


def test_a_single_reject_ends_it_also_by_somebody_who_approved_before(world: World, ada: User) -> None:
    done = a_run(world, quorum=3)
    vote(done, world.tom)
    vote(done, ada)
    reject(done, world.tom)
    assert status_of(done.execution_id) == "rejected"
    with pytest.raises(Conflict, match="rejected"):
        vote(done, factories.a_person("ben", Role.APPROVER, tenant=world.acme))
    assert Vote.objects.get(person=world.tom).decision == "rejected"


def test_a_vote_of_somebody_who_may_no_longer_approve_does_not_count(world: World, ada: User) -> None:
    done = a_run(world)
    vote(done, world.tom)
    Membership.objects.filter(user=world.tom).update(role=Role.VIEWER)
    assert vote(done, ada) == 1
    assert status_of(done.execution_id) == "pending_approval"
    assert vote(done, factories.a_person("ben", Role.APPROVER, tenant=world.acme)) == 0


def test_a_cancel_withdraws_it_with_its_votes(world: World, ada: User) -> None:
    done = a_run(world)
    vote(done, world.tom)
    control.request_cancel(done.execution_id, user=world.olga, reason="not today")
    with pytest.raises(Conflict, match="withdrawn"):
        vote(done, ada)
    assert status_of(done.execution_id) == "cancelled"


def test_votes_do_not_hold_off_the_expiry(world: World, ada: User) -> None:
    done = a_run(world)
    vote(done, world.tom)
    Approval.objects.update(expires_at=Now() - timedelta(seconds=1))
    with pytest.raises(Conflict, match="expired"):
        vote(done, ada)
    assert approvals.expire_due() == 1
    assert status_of(done.execution_id) == "expired"


def a_missing_vote(_: World, done: Submitted) -> None:
    Vote.objects.filter(person__username="tom").delete()


def a_vote_of_the_requester(world: World, done: Submitted) -> None:
    Vote.objects.filter(person__username="tom").update(person=world.olga)


def a_vote_for_something_else(_: World, done: Submitted) -> None:
    Vote.objects.filter(person__username="tom").update(approval_hash="0" * 64)


def a_larger_quorum(_: World, done: Submitted) -> None:
    Approval.objects.filter(execution=done.execution_id).update(quorum=3)


def a_stricter_policy(world: World, done: Submitted) -> None:
    ApprovalPolicy.objects.filter(tenant=world.acme).update(quorum=3)


def no_level(_: World, done: Submitted) -> None:
    Execution.objects.filter(pk=done.execution_id).update(approval_level=0)


def a_lower_level(_: World, done: Submitted) -> None:
    Execution.objects.filter(pk=done.execution_id).update(approval_level=1)
    Approval.objects.filter(execution=done.execution_id).update(level=1)


def another_parameter(_: World, done: Submitted) -> None:
    execution = Execution.objects.get(pk=done.execution_id)
    plan = json.loads(execution.plan)
    plan["steps"][0]["with"]["script"] = "false"
    Execution.objects.filter(pk=done.execution_id).update(plan=json.dumps(plan))


@pytest.mark.parametrize(
    "change",
    [
        a_missing_vote,
        a_vote_of_the_requester,
        a_vote_for_something_else,
        a_larger_quorum,
        a_stricter_policy,
        no_level,
        a_lower_level,
        another_parameter,
    ],
)
def test_the_worker_counts_the_votes_again(
    world: World, ada: User, change: Callable[[World, Submitted], None]
) -> None:
    done = a_run(world)
    vote(done, world.tom)
    vote(done, ada)
    change(world, done)
    assert work_until_over(done.execution_id) == "failed"
    assert runs_of(done.execution_id)[0].category == "approval"


def test_the_page_says_who_approved_and_who_still_can(world: World, ada: User) -> None:
    factories.a_person("val", Role.VIEWER, tenant=world.acme)
    done = a_run(world)
    address = f"/executions/{done.execution_id}/"
    page = signed_in(world.tom).post(
        f"{address}approve/", {"approval_hash": done.approval_hash, "comment": "yes"}, follow=True
    )
    text = page.content.decode()
    assert "Your approval counts. 1 more needed." in text
    assert "1 of 2 approvals: tom. Can still approve: ada." in text
    assert "You approved it; somebody else has to as well." in text
    assert f"{address}approve/" not in text
    assert f"{address}reject/" in text
    assert "1 of 2 approved" in signed_in(ada).get("/approvals/").content.decode()
    assert f"{address}approve/" in signed_in(ada).get(address).content.decode()
    signed_in(ada).post(f"{address}approve/", {"approval_hash": done.approval_hash})
    assert status_of(done.execution_id) == "queued"
    assert "2 of 2 approvals: tom, ada." in signed_in(world.olga).get(address).content.decode()


def test_the_page_says_so_when_too_few_people_can_approve(world: World) -> None:
    done = a_run(world)
    vote(done, world.tom)
    page = signed_in(world.olga).get(f"/executions/{done.execution_id}/").content.decode()
    assert "1 of 2 approvals: tom. Nobody else can approve." in page


def test_the_command_says_how_many_more_are_needed(world: World, ada: User) -> None:
    done = a_run(world)
    short = str(done.execution_id)[:8]
    answer = manage("approve", short, "--as", "tom", "--hash", done.approval_hash[:12])
    assert "your approval counts; 1 more needed" in answer.out
    told = manage("approve", short, "--as", "ada", "--hash", done.approval_hash[:12], "--json").json
    assert (told["status"], told["missing"]) == ("queued", 0)
    shown = manage("show", short, "--as", "olga", "--json").json["approval"]
    assert ([one["person"] for one in shown["votes"]], shown["quorum"]) == (["tom", "ada"], 2)


def test_a_policy_asks_for_several_people_only_from_level_2_on(world: World) -> None:
    for level, quorum in ((1, 2), (2, 0), (2, 10)):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApprovalPolicy.objects.create(
                tenant=world.acme, environment="dev", action_class="read", level=level, quorum=quorum
            )


def test_each_vote_leaves_an_event_that_says_how_many_are_missing(world: World, ada: User) -> None:
    done = a_run(world, quorum=3)
    vote(done, world.tom)
    vote(done, ada)
    events = Event.objects.filter(execution=done.execution_id, type="approval.voted").order_by("id")
    assert [(event.actor, event.data["missing"]) for event in events] == [("tom", 2), ("ada", 1)]
