"""Ways round an approval that somebody tried: each with what stands in its way now."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.utils import timezone

from executions import approvals, control, decision_links, deputies, glass, letting_in, reminding, withdrawing
from executions.errors import Conflict, NotAllowed, Refused
from executions.fresh import BY_COMMAND
from executions.models import Approval, Event, Execution, StepGate
from executions.submission import submit
from opsconductor.logs import MaskedJsonFormatter
from safety.choices import Role
from safety.models import AccessDecision, Delegation, GroupMember, Membership
from safety.signin import factors
from tests import factories
from tests.approving import a_run, may, signed_in, vote
from tests.commands import manage
from tests.integration.test_approvers import gated_run, let_in
from tests.integration.test_decision_links import link_to, press
from tests.integration.test_held_in_doubt import claim, interrupt
from tests.integration.test_stepwise import go_on
from tests.world import World, in_threads, runs_of, script, status_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")
DAY = timedelta(days=1)


@pytest.fixture
def ada(world: World) -> User:
    """A second approver of Acme."""
    return factories.a_person("ada", Role.APPROVER, tenant=world.acme)


@pytest.fixture
def val(world: World) -> User:
    """A viewer of Acme."""
    return factories.a_person("val", Role.VIEWER, tenant=world.acme)


def lend(world: World, deputy: User) -> Delegation:
    return deputies.delegate(
        world.acme, user=world.tom, deputy=deputy, ends_at=DAY, reason="leave", signed_in=BY_COMMAND
    )


@pytest.mark.parametrize("who", ["everybody", "approvers"])
def test_a_link_is_no_way_round_the_second_factor(
    world: World, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setitem(settings.OPSC, "REQUIRE_SECOND_FACTOR", who)
    address = link_to(a_run(world, quorum=1), world.tom)
    browser = signed_in(world.tom)
    answer = press(address, "approve", browser)
    assert (answer.status_code, answer["Location"]) == (302, "/account/second-factor/")
    assert Approval.objects.get().status == "requested"


def test_a_deputy_needs_the_second_factor_that_approvers_need(
    world: World, val: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.OPSC, "REQUIRE_SECOND_FACTOR", "approvers")
    assert not factors.is_required(val)
    lend(world, val)
    assert factors.is_required(val)


def test_a_vote_that_counts_no_more_may_be_given_anew_and_blocks_nothing(world: World, ada: User) -> None:
    done = a_run(world)
    vote(done, world.tom)
    Membership.objects.filter(user=world.tom).update(role=Role.VIEWER)
    assert vote(done, ada) == 1
    Membership.objects.filter(user=world.tom).update(role=Role.APPROVER)
    assert vote(done, world.tom) == 0
    assert status_of(done.execution_id) == "queued"


def test_who_was_a_deputy_may_vote_on_a_right_of_their_own_later(world: World, val: User) -> None:
    done = a_run(world)
    lent = lend(world, val)
    vote(done, val)
    deputies.end(lent.pk, user=val)
    Membership.objects.filter(user=val).update(role=Role.APPROVER)
    page = signed_in(val).get(f"/executions/{done.execution_id}/").content.decode()
    assert f"/executions/{done.execution_id}/approve/" in page
    assert vote(done, val) == 1
    assert vote(done, world.tom) == 0


def test_delegations_and_groups_of_another_tenant_count_for_nothing(world: World, val: User) -> None:
    done = a_run(world, quorum=1, approvers="dba")
    GroupMember.objects.create(tenant=world.other, group="dba", user=world.tom)
    assert "the group dba" in may(done, world.tom)
    GroupMember.objects.create(tenant=world.acme, group="dba", user=world.tom)
    in_a_day = timezone.now() + DAY
    elsewhere = {"tenant": world.other, "giver": world.tom, "deputy": val, "ends_at": in_a_day, "reason": "x"}
    Delegation.objects.create(**elsewhere)
    assert may(done, val)


def test_being_a_superuser_is_not_lent(world: World, val: User) -> None:
    root = User.objects.create_superuser("root")
    Membership.objects.create(tenant=world.acme, user=root, role=Role.VIEWER)
    in_a_day = timezone.now() + DAY
    Delegation.objects.create(tenant=world.acme, giver=root, deputy=val, ends_at=in_a_day, reason="x")
    assert may(a_run(world, quorum=1), val)


@pytest.mark.parametrize("loses", ["giver", "deputy"])
def test_a_vote_of_a_deputy_falls_with_the_giver_and_with_their_own_part(
    world: World, val: User, loses: str
) -> None:
    lend(world, val)
    done = a_run(world, quorum=1)
    vote(done, val)
    Membership.objects.filter(user=world.tom if loses == "giver" else val).delete()
    assert work_until_over(done.execution_id) == "failed"
    assert "stand behind it" in runs_of(done.execution_id)[0].detail


def test_a_step_that_is_asked_for_again_is_reminded_of_and_its_links_are_dead(
    world: World, ada: User, tmp_path: Path
) -> None:
    execution = gated_run(world, tmp_path, quorum=1)
    token = decision_links.issue(execution, world.tom, "one")
    StepGate.objects.update(reminded=2)
    let_in(execution, ada)
    StepGate.objects.update(expires_at=F("requested_at"))
    assert letting_in.reopen_due() == 1
    gate = StepGate.objects.get()
    assert (gate.status, gate.reminded) == ("requested", 0)
    assert press(f"/decide/{token}/", "reject", comment="no").status_code == 410
    go_on()
    StepGate.objects.update(
        requested_at=timezone.now() - timedelta(minutes=9), expires_at=timezone.now() + timedelta(minutes=1)
    )
    assert reminding.remind_due() == 1


def test_those_who_can_still_approve_are_found_among_many(world: World) -> None:
    people = [User(username=f"a{number:02}") for number in range(80)]
    User.objects.bulk_create(people)
    Membership.objects.bulk_create(
        Membership(tenant=world.acme, user=user, role=Role.APPROVER) for user in people
    )
    zed = factories.a_person("zed", Role.APPROVER, tenant=world.acme)
    GroupMember.objects.create(tenant=world.acme, group="dba", user=zed)
    done = a_run(world, quorum=1, approvers="dba")
    page = signed_in(world.olga).get(f"/executions/{done.execution_id}/").content.decode()
    assert "Can still approve: zed." in page


def test_no_log_line_holds_a_link(world: World) -> None:
    address = link_to(a_run(world, quorum=1), world.tom)
    record = logging.LogRecord("django.request", logging.WARNING, "x", 1, "Forbidden: %s", (address,), None)
    record.request = f"<WSGIRequest: POST '{address}'>"
    line = MaskedJsonFormatter().format(record)
    assert address.split("/")[2] not in line
    assert "/decide/[one-time link]/" in line


def test_a_nul_in_what_is_typed_is_no_error(world: World, val: User) -> None:
    done = a_run(world, quorum=1)
    assert press(link_to(done, world.tom), "reject", comment="a\0b").status_code == 200
    assert status_of(done.execution_id) == "rejected"
    del val


def test_an_admin_puts_nobody_into_a_group_whose_deputy_they_are(world: World) -> None:
    amy = factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme, is_staff=True)
    lend(world, amy)
    form = {"tenant": world.acme.pk, "group": "dba", "user": "tom"}
    page = signed_in(amy).post("/admin/safety/groupmember/add/", form).content.decode()
    assert "You are the deputy of this person" in page
    assert not GroupMember.objects.exists()


def test_a_refusal_by_way_of_a_link_is_on_record(world: World) -> None:
    address = link_to(a_run(world, quorum=1), world.tom)
    Membership.objects.filter(user=world.tom).update(role=Role.VIEWER)
    before = AccessDecision.objects.filter(allowed=False).count()
    assert press(address, "reject", comment="no").status_code == 403
    assert AccessDecision.objects.filter(allowed=False).count() == before + 1
    assert Event.objects.filter(type="rbac.violation").exists()


def test_what_was_decided_is_no_request_any_more_whoever_comes_first(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(role=Role.REQUESTER)
    runs = [a_run(world, quorum=1) for _ in range(20)]
    Membership.objects.filter(user=world.olga).update(role=Role.VIEWER)
    for done in runs:
        acts = (
            lambda: vote(done, world.tom),  # noqa: B023  called before the next round
            lambda: control.request_cancel(done.execution_id, user=world.olga, reason="x"),  # noqa: B023
        )
        results = in_threads(2, lambda number: acts[number]())  # noqa: B023
        assert sum(isinstance(one, Conflict | NotAllowed) for one in results) == 1, results
    ends = set(Execution.objects.values_list("status", "approval__status"))
    assert ends <= {("queued", "approved"), ("cancelled", "withdrawn")}


def test_taking_back_gives_up_no_unknown_outcome(world: World) -> None:
    done = a_run(world, quorum=1)
    vote(done, world.tom)
    interrupt(claim())
    assert withdrawing.take_back(done.execution_id, user=world.tom, reason="x") == "needs_attention"


def test_a_review_needs_somebody_who_may_approve(world: World, val: User) -> None:
    amy = factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme)
    done = a_run(world)
    how = {"approval_hash": done.approval_hash, "reason": "the shop is down", "signed_in": BY_COMMAND}
    glass.break_glass(done.execution_id, user=amy, **how)
    with pytest.raises(NotAllowed, match="needs who may approve"):
        glass.review(done.execution_id, user=val, said="fine")


def test_a_stricter_policy_does_not_stop_what_began_in_an_emergency(world: World) -> None:
    amy = factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme)
    done = a_run(world, quorum=1)
    how = {"approval_hash": done.approval_hash, "reason": "the shop is down", "signed_in": BY_COMMAND}
    glass.break_glass(done.execution_id, user=amy, **how)
    a_run(world, quorum=3, approvers="dba")
    assert work_until_over(done.execution_id) == "succeeded"


def test_delegations_are_few_and_begin_now_or_later(world: World, val: User) -> None:
    lend(world, val)
    with pytest.raises(Conflict, match="your deputy already"):
        lend(world, val)
    now = timezone.now()
    with pytest.raises(Refused, match="begin now or later"):
        deputies.delegate(
            world.acme,
            user=world.tom,
            deputy=world.olga,
            starts_at=now - DAY,
            ends_at=now + DAY,
            reason="x",
            signed_in=BY_COMMAND,
        )
    for number in range(deputies.MOST - 1):
        lend(world, factories.a_person(f"d{number}", Role.VIEWER, tenant=world.acme))
    with pytest.raises(Refused, match="more than 10"):
        lend(world, world.olga)


def test_an_admin_with_limits_ends_nobodys_delegation_and_who_left_sees_none(world: World, val: User) -> None:
    made = lend(world, val)
    admin = factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme)
    Membership.objects.filter(user=admin).update(environments=["dev"])
    assert not deputies.may_end(made, admin)
    Membership.objects.filter(user=val).update(tenant=world.other)
    assert not deputies.may_end(made, val)
    assert "leave" not in manage("delegate", "--as", "val").out


def test_level_1_is_confirmed_by_who_stands_there(world: World) -> None:
    world.here()
    plan = {"version": 1, "name": "x", "mode": "background", "targets": ["here"], "steps": [script("true")]}
    done = submit(plan, user=world.olga, tenant=world.acme)
    approvals.approve(
        done.execution_id, user=world.olga, approval_hash=done.approval_hash, signed_in=BY_COMMAND
    )
    assert work_until_over(done.execution_id) == "succeeded"
    assert Client().get("/decide/x/").status_code == 410
