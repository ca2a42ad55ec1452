"""Who may approve: how high, of which group; single steps by as many people as the run; and who stands behind it."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from executions import approvals, stepwise
from executions.errors import Conflict
from executions.fresh import BY_COMMAND
from executions.models import Approval, Event, Execution, StepGate, Vote
from safety.choices import Role
from safety.models import ApprovalPolicy, GroupMember, Membership
from tests import factories
from tests.approving import a_run, may, signed_in, vote
from tests.commands import manage
from tests.integration.test_stepwise import go_on, hash_of
from tests.world import World, runs_of, script, status_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def ada(world: World) -> User:
    """A second approver of Acme."""
    return factories.a_person("ada", Role.APPROVER, tenant=world.acme)


def in_group(world: World, group: str, *people: User) -> None:
    for user in people:
        GroupMember.objects.create(tenant=world.acme, group=group, user=user)


def test_a_membership_approves_as_high_as_it_says(world: World, ada: User) -> None:
    Membership.objects.filter(user=world.tom).update(approves_up_to=2)
    at_two, at_three = a_run(world, quorum=1), a_run(world, quorum=1, level=3)
    assert may(at_two, world.tom) == ""
    assert "Approving level 3" in may(at_three, world.tom)
    assert may(at_three, ada) == ""
    refused = manage("approve", str(at_three.execution_id), "--as", "tom", "--hash", at_three.approval_hash)
    assert refused.code == 2
    assert Event.objects.get(type="rbac.violation").data["reason"].startswith("Approving level 3")
    told = manage(
        "why", "tom", "approve_execution", "--execution", str(at_three.execution_id), "--as", "tom"
    ).out
    assert "approves up to level 2, this is level 3" in told


def test_nobody_gives_a_right_to_approve_higher_than_their_own(world: World) -> None:
    admin = factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme, is_staff=True)
    Membership.objects.filter(user=admin).update(approves_up_to=2)
    factories.a_person("new")
    form = {"tenant": world.acme.pk, "user": "new", "role": "approver", "ends_at_0": "", "ends_at_1": ""}
    page = signed_in(admin).post("/admin/safety/membership/add/", form | {"approves_up_to": "3"})
    assert "You cannot grant what you lack" in page.content.decode()
    done = signed_in(admin).post("/admin/safety/membership/add/", form | {"approves_up_to": "2"})
    assert done.status_code == 302
    assert Membership.objects.get(user__username="new").approves_up_to == 2


def test_only_people_of_the_group_count(world: World, ada: User) -> None:
    ben = factories.a_person("ben", Role.APPROVER, tenant=world.acme)
    in_group(world, "dba", ada, ben)
    done = a_run(world, quorum=2, approvers="dba")
    assert "the group dba" in may(done, world.tom)
    assert vote(done, ada) == 1
    page = signed_in(world.olga).get(f"/executions/{done.execution_id}/").content.decode()
    assert "1 of 2 approvals of the group dba: ada. Can still approve: ben." in page
    assert vote(done, ben) == 0
    assert work_until_over(done.execution_id) == "succeeded"


def test_being_in_a_group_gives_no_right(world: World) -> None:
    val = factories.a_person("val", Role.VIEWER, tenant=world.acme)
    in_group(world, "dba", val)
    done = a_run(world, quorum=1, approvers="dba")
    assert "needs the role approver" in may(done, val)


def test_the_platforms_group_and_the_tenants_own_are_both_asked(world: World, ada: User) -> None:
    ApprovalPolicy.objects.filter(tenant=None, environment="prod", action_class="modify").update(
        approvers="sec"
    )
    in_group(world, "dba", ada)
    in_group(world, "sec", world.tom)
    done = a_run(world, quorum=1, approvers="dba")
    assert Approval.objects.get().groups == ["dba", "sec"]
    assert vote(done, ada) == 1
    assert status_of(done.execution_id) == "pending_approval"
    assert vote(done, world.tom) == 0
    ApprovalPolicy.objects.filter(tenant=None).update(approvers="")


def test_a_group_that_the_policy_asks_for_by_now_stops_the_run(world: World) -> None:
    done = a_run(world, quorum=1)
    vote(done, world.tom)
    ApprovalPolicy.objects.filter(tenant=world.acme).update(approvers="dba")
    assert work_until_over(done.execution_id) == "failed"
    assert "people of the group dba by now" in runs_of(done.execution_id)[0].detail


@pytest.mark.parametrize("loses", ["role", "account", "level", "group"])
def test_what_is_approved_by_somebody_who_may_not_any_more_does_not_run(world: World, loses: str) -> None:
    in_group(world, "dba", world.tom)
    done = a_run(world, quorum=1, approvers="dba")
    vote(done, world.tom)
    if loses == "account":
        User.objects.filter(pk=world.tom.pk).update(is_active=False)
    elif loses == "group":
        GroupMember.objects.all().delete()
    else:
        change = {"role": Role.VIEWER} if loses == "role" else {"approves_up_to": 1}
        Membership.objects.filter(user=world.tom).update(**change)
    assert work_until_over(done.execution_id) == "failed"
    assert "stand behind it: tom may not approve it any more" in runs_of(done.execution_id)[0].detail


def gated_run(world: World, folder: Path, quorum: int) -> Execution:
    ApprovalPolicy.objects.create(
        tenant=world.acme, environment="dev", action_class="modify", level=3, quorum=quorum
    )
    world.here()
    submitted = world.submit(script(f"touch {folder}/one", id_="one"), targets=["here"])
    for user in list(User.objects.filter(username__in=("tom", "ada")).order_by("-username"))[:quorum]:
        vote(submitted, user)
    go_on()
    return Execution.objects.get(pk=submitted.execution_id)


def let_in(execution: Execution, user: User) -> int:
    wanted = hash_of(execution.pk, "one")
    return stepwise.approve(execution.pk, "one", user=user, seen_hash=wanted, signed_in=BY_COMMAND)


def test_a_single_step_needs_as_many_people_as_the_run(world: World, ada: User, tmp_path: Path) -> None:
    execution = gated_run(world, tmp_path, quorum=2)
    assert let_in(execution, world.tom) == 1
    go_on()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Conflict, match="You approved this already"):
        let_in(execution, world.tom)
    assert let_in(execution, ada) == 0
    go_on()
    assert [mark.name for mark in tmp_path.iterdir()] == ["one"]
    told = [event.data.get("missing") for event in Event.objects.filter(type="approval.voted").order_by("id")]
    assert told == [1, 1]


def test_who_let_a_step_in_and_may_not_any_more_does_not_carry_it(
    world: World, ada: User, tmp_path: Path
) -> None:
    del ada
    execution = gated_run(world, tmp_path, quorum=1)
    let_in(execution, world.tom)
    Vote.objects.filter(gate=None).update(person=User.objects.get(username="ada"))
    Membership.objects.filter(user=world.tom).update(role=Role.VIEWER)
    go_on()
    assert list(tmp_path.iterdir()) == []
    assert StepGate.objects.get().status == "requested"
    told = Event.objects.filter(type="approval.requested").order_by("id").last()
    assert told is not None
    assert "stand behind this step: tom may not" in told.data["why"]


def test_a_gate_that_nobody_opened_by_vote_does_not_open(world: World, tmp_path: Path) -> None:
    execution = gated_run(world, tmp_path, quorum=1)
    wanted = hash_of(execution.pk, "one")
    StepGate.objects.update(status="approved", decided_by=world.tom, gate_hash=wanted)
    go_on()
    assert list(tmp_path.iterdir()) == []


def test_the_admin_puts_people_into_groups_but_not_oneself(world: World) -> None:
    admin = factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme, is_staff=True)
    address = "/admin/safety/groupmember/add/"
    form = {"tenant": world.acme.pk, "group": "dba"}
    assert "Nobody puts themselves" in signed_in(admin).post(address, form | {"user": "amy"}).content.decode()
    assert (
        "No member of this tenant has this user name"
        in signed_in(admin).post(address, form | {"user": "nina"}).content.decode()
    )
    assert signed_in(admin).post(address, form | {"user": "tom"}).status_code == 302
    member = GroupMember.objects.get()
    assert (member.user, member.added_by) == (world.tom, admin)
    assert Event.objects.get(type="approval.group_changed").data == {
        "change": "added",
        "person": "tom",
        "group": "dba",
    }
    gone = signed_in(admin).post(f"/admin/safety/groupmember/{member.pk}/delete/", {"post": "yes"})
    assert (gone.status_code, GroupMember.objects.count()) == (302, 0)


def test_a_level_1_run_is_still_confirmed_by_who_asked_for_it(world: World) -> None:
    world.here()
    done = world.submit(script("true"), targets=["here"], approval_level=1)
    execution = Execution.objects.get(pk=done.execution_id)
    if execution.status == "pending_approval":
        approvals.approve(
            execution.pk, user=world.olga, approval_hash=done.approval_hash, signed_in=BY_COMMAND
        )
    assert work_until_over(done.execution_id) == "succeeded"
