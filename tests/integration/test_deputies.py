"""Delegation: a deputy approves what the giver may, until it ends, and never what they asked for themselves."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from executions import deputies
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.fresh import BY_COMMAND
from executions.models import Approval, Event, Vote
from safety.choices import Role
from safety.models import Delegation, GroupMember, Membership, Tenant
from tests import factories
from tests.approving import a_run, may, signed_in, vote
from tests.commands import manage
from tests.world import World, runs_of, status_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")
DAY = timedelta(days=1)


@pytest.fixture
def val(world: World) -> User:
    """A viewer of Acme."""
    return factories.a_person("val", Role.VIEWER, tenant=world.acme)


def lend(
    world: World, deputy: User | None, giver: User | None = None, days: float = 1, reason: str = "on leave"
) -> Delegation:
    return deputies.delegate(
        world.acme,
        user=giver or world.tom,
        deputy=deputy,
        ends_at=timezone.now() + days * DAY,
        reason=reason,
        signed_in=BY_COMMAND,
    )


def test_a_deputy_approves_in_the_name_of_who_named_them(world: World, val: User) -> None:
    done = a_run(world, quorum=1)
    assert "needs the role approver" in may(done, val)
    lend(world, val)
    page = signed_in(val).get(f"/executions/{done.execution_id}/").content.decode()
    assert f"/executions/{done.execution_id}/approve/" in page
    told = manage("why", "val", "approve_execution", "--tenant", "acme", "--as", "val")
    assert "val is also the deputy of tom until" in told.out
    assert told.code == 1
    told = manage("why", "val", "approve_execution", "--execution", str(done.execution_id), "--as", "val")
    assert "But val is the deputy of tom until" in told.out
    assert told.code == 0
    assert vote(done, val) == 0
    assert work_until_over(done.execution_id) == "succeeded"
    assert Vote.objects.get().delegation == Delegation.objects.get()
    approved = Event.objects.get(type="approval.approved")
    assert (approved.actor, approved.data["for"]) == ("val", "tom")
    page = signed_in(world.olga).get(f"/executions/{done.execution_id}/").content.decode()
    assert "1 of 1 approvals: val for tom." in page
    assert Event.objects.get(type="approval.delegated").data["to"] == "val"


def test_two_votes_that_rest_on_one_right_count_once(world: World, val: User) -> None:
    lend(world, val)
    done = a_run(world, quorum=2)
    assert vote(done, val) == 1
    page = signed_in(world.olga).get(f"/executions/{done.execution_id}/").content.decode()
    assert "Nobody else can approve." in page
    with pytest.raises(Conflict, match="used already"):
        vote(done, world.tom)
    assert status_of(done.execution_id) == "pending_approval"
    assert vote(done, factories.a_person("ada", Role.APPROVER, tenant=world.acme)) == 0


def test_nobody_approves_what_they_asked_for_by_way_of_a_deputy(world: World, val: User) -> None:
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    lend(world, world.olga)
    lend(world, val, giver=world.olga)
    done = a_run(world, quorum=1)
    assert "yourself" in may(done, world.olga)  # as Tom's deputy
    assert may(done, val)  # as hers


def test_what_was_lent_is_not_passed_on(world: World, val: User) -> None:
    ivy = factories.a_person("ivy", Role.VIEWER, tenant=world.acme)
    lend(world, val)
    with pytest.raises(NotAllowed, match="nothing to delegate"):
        lend(world, ivy, giver=val)
    Delegation.objects.create(tenant=world.acme, giver=val, deputy=ivy, ends_at=Now() + DAY, reason="x")
    assert may(a_run(world, quorum=1), ivy)


@pytest.mark.parametrize("loses", ["giver's role", "giver's account", "giver's group", "deputy's part"])
def test_it_lends_what_the_giver_has_now(world: World, val: User, loses: str) -> None:
    GroupMember.objects.create(tenant=world.acme, group="dba", user=world.tom)
    lend(world, val)
    done = a_run(world, quorum=1, approvers="dba")
    assert may(done, val) == ""
    if loses == "giver's role":
        Membership.objects.filter(user=world.tom).update(role=Role.VIEWER)
    elif loses == "giver's account":
        User.objects.filter(pk=world.tom.pk).update(is_active=False)
    elif loses == "giver's group":
        GroupMember.objects.all().delete()
    else:
        Membership.objects.filter(user=val).delete()
    assert may(done, val)


def test_its_end_leaves_what_was_approved_and_taking_it_back_does_not(world: World, val: User) -> None:
    made, kept, lost = lend(world, val), a_run(world, quorum=1), a_run(world, quorum=1)
    vote(kept, val)
    vote(lost, val)
    Delegation.objects.update(starts_at=Now() - 2 * DAY, ends_at=Now() - DAY)
    assert may(a_run(world, quorum=1), val)
    assert work_until_over(kept.execution_id) == "succeeded"
    Delegation.objects.update(ends_at=Now() + DAY)
    again = a_run(world, quorum=1)
    vote(again, val)
    deputies.end(made.pk, user=world.tom)
    assert work_until_over(again.execution_id) == "failed"
    assert "val is not the deputy of tom any more" in runs_of(again.execution_id)[0].detail


def test_one_that_begins_later_counts_later(world: World, val: User) -> None:
    now = timezone.now()
    deputies.delegate(
        world.acme,
        user=world.tom,
        deputy=val,
        starts_at=now + DAY,
        ends_at=now + 2 * DAY,
        reason="leave",
        signed_in=BY_COMMAND,
    )
    done = a_run(world, quorum=1)
    assert may(done, val)
    Delegation.objects.update(starts_at=Now() - DAY)
    assert may(done, val) == ""


def test_what_is_refused(world: World, val: User) -> None:
    with pytest.raises(NotFound, match="no member of Acme"):
        lend(world, world.nina)
    with pytest.raises(NotFound, match="no member of Acme"):
        lend(world, None)
    with pytest.raises(Refused, match="own deputy"):
        lend(world, world.tom)
    with pytest.raises(Refused, match="within 30 days"):
        lend(world, val, days=31)
    with pytest.raises(Refused, match="within 30 days"):
        lend(world, val, days=-1)
    with pytest.raises(Refused, match="reason"):
        lend(world, val, reason="  ")
    with pytest.raises(NotAllowed):
        lend(world, world.tom, giver=val)
    assert not Delegation.objects.exists()


def test_who_may_end_it(world: World, val: User) -> None:
    admin = factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme)
    for user in (world.tom, val, admin):
        deputies.end(lend(world, val).pk, user=user)
    made = lend(world, val)
    for user in (world.nina, world.olga):
        with pytest.raises(NotFound):
            deputies.end(made.pk, user=user)
    deputies.end(made.pk, user=val)
    with pytest.raises(Conflict):
        deputies.end(made.pk, user=val)
    assert Event.objects.filter(type="approval.delegation_ended").count() == 4


def test_the_page(world: World, val: User) -> None:
    page = signed_in(world.tom).get("/approvals/deputies/").content.decode()
    assert "Nobody approves for you" in page
    form = {"tenant": world.acme.pk, "days": "2", "reason": "on leave"}
    wrong = signed_in(world.tom).post("/approvals/deputies/", form | {"name": "nina"})
    assert (wrong.status_code, "no member of Acme" in wrong.content.decode()) == (400, True)
    done = (
        signed_in(world.tom)
        .post("/approvals/deputies/", form | {"name": "val"}, follow=True)
        .content.decode()
    )
    assert "val approves for tom in Acme, until" in done
    assert "on leave" in signed_in(val).get("/approvals/deputies/").content.decode()
    assert "on leave" not in signed_in(world.olga).get("/approvals/deputies/").content.decode()
    assert "Name a deputy" not in signed_in(val).get("/approvals/deputies/").content.decode()
    number = Delegation.objects.get().pk
    assert signed_in(world.nina).post(f"/approvals/deputies/{number}/end/").status_code == 404
    assert signed_in(val).post(f"/approvals/deputies/{number}/end/", follow=True).status_code == 200
    assert Delegation.objects.get().ended_by == val
    assert "What was" in signed_in(world.tom).get("/approvals/deputies/").content.decode()


def test_somebody_who_left_the_tenant_sees_none_of_its_delegations(world: World, val: User) -> None:
    lend(world, val)
    Membership.objects.filter(user=val).update(tenant=Tenant.objects.get(slug="other"))
    assert "on leave" not in signed_in(val).get("/approvals/deputies/").content.decode()


def test_the_command(world: World, val: User) -> None:
    del val
    until = (timezone.now() + DAY).strftime("%Y-%m-%dT%H:%M")
    made = manage("delegate", "val", "--until", until, "--reason", "on leave", "--as", "tom")
    assert "val approves for tom in Acme" in made.out
    number = str(manage("delegate", "--as", "val", "--json").json["delegations"][0]["number"])
    assert manage("delegate", "val", "--until", "soon", "--reason", "x", "--as", "tom").code == 2
    assert manage("delegate", "val", "--reason", "x", "--as", "tom").code == 2
    assert manage("delegate", "--end", number, "--as", "nina").code == 2
    assert "nobody approves for you" in manage("delegate", "--end", number, "--as", "tom").out


def test_a_deputy_is_named_among_those_who_can_still_approve(world: World, val: User) -> None:
    lend(world, val)
    done = a_run(world, quorum=1)
    page = signed_in(world.olga).get(f"/executions/{done.execution_id}/").content.decode()
    assert Approval.objects.get().status == "requested"
    assert "Can still approve: tom, val." in page


def test_an_old_session_names_nobody(world: World, val: User, settings: Any) -> None:
    """A copy of an approver's cookie must not make a deputy, who then signs in young."""
    form = {"tenant": world.acme.pk, "name": "val", "days": "3", "reason": "on leave"}
    client = signed_in(world.tom)
    settings.OPSC = settings.OPSC | {"STEP_UP_S": -1}
    answer = client.post("/approvals/deputies/", form)
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in/again/")
    assert not Delegation.objects.exists()
