"""Break-glass: an emergency begins without its approval, loudly, for exactly one hash; somebody else reviews it."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from executions import glass, reminding
from executions.errors import Conflict, NotAllowed, Refused, SignInAgain
from executions.fresh import BY_COMMAND, SignedIn
from executions.models import Approval, Event, Execution
from executions.submission import Submitted, submit
from safety.choices import Role
from safety.models import Membership
from tests import factories
from tests.approving import a_run, signed_in, vote
from tests.commands import manage
from tests.integration.test_approvers import gated_run, let_in
from tests.integration.test_stepwise import go_on
from tests.world import World, runs_of, script, status_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")
REASON = "the shop is down, ticket 4711"


@pytest.fixture
def amy(world: World) -> User:
    """A tenant admin of Acme, who may break the glass."""
    return factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme)


def break_it(
    done: Submitted, user: User, reason: str = REASON, hash_: str = "", how: SignedIn = BY_COMMAND
) -> None:
    wanted = hash_ or done.approval_hash
    glass.break_glass(done.execution_id, user=user, approval_hash=wanted, reason=reason, signed_in=how)


def test_it_begins_leaves_an_alert_and_asks_for_a_review(
    world: World, amy: User, caplog: pytest.LogCaptureFixture
) -> None:
    done = a_run(world, quorum=2)
    with caplog.at_level(logging.ERROR):
        break_it(done, amy)
    assert f"amy let execution {done.execution_id} begin without its approval" in caplog.text
    assert work_until_over(done.execution_id) == "succeeded"
    approval = Approval.objects.get()
    assert (approval.status, approval.decided_by, approval.comment) == ("break_glass", amy, REASON)
    assert Event.objects.get(type="approval.break_glass").data["comment"] == REASON
    assert Event.objects.get(type="system.alert").data == {"alert": "break_glass", "reason": REASON}
    page = signed_in(world.tom).get("/approvals/").content.decode()
    assert "to be reviewed" in page
    assert REASON in page
    assert (
        "Review how it began"
        in signed_in(world.tom).get(f"/executions/{done.execution_id}/").content.decode()
    )
    glass.review(done.execution_id, user=world.tom, said="right call")
    assert Event.objects.get(type="approval.reviewed").actor == "tom"
    assert "to be reviewed" not in signed_in(world.tom).get("/approvals/").content.decode()
    assert "right call" in signed_in(world.olga).get(f"/executions/{done.execution_id}/").content.decode()


def test_who_asked_for_the_run_may_break_the_glass_but_not_review_it(world: World, amy: User) -> None:
    done = a_run(world)
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    break_it(done, world.olga)
    assert status_of(done.execution_id) == "queued"
    with pytest.raises(NotAllowed, match="Somebody else has to review"):
        glass.review(done.execution_id, user=world.olga, said="fine")
    with pytest.raises(Refused, match="Say what you found"):
        glass.review(done.execution_id, user=amy, said=" ")
    glass.review(done.execution_id, user=amy, said="fine")
    with pytest.raises(Conflict, match="nothing to review"):
        glass.review(done.execution_id, user=world.tom, said="me too")
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.update(reviewed_by=world.olga)


def test_what_is_refused(world: World, amy: User) -> None:
    done = a_run(world)
    for user in (world.olga, world.tom):
        with pytest.raises(NotAllowed, match="may not let a run begin"):
            break_it(done, user)
    with pytest.raises(Refused, match="10 characters"):
        break_it(done, amy, reason="  now   ")
    with pytest.raises(Conflict, match="what would run is"):
        break_it(done, amy, hash_="0" * 64)
    with pytest.raises(SignInAgain):
        break_it(done, amy, how=SignedIn("password", 0.0))
    assert (status_of(done.execution_id), Approval.objects.get().status) == ("pending_approval", "requested")
    assert not Event.objects.filter(type="system.alert").exists()
    Approval.objects.update(expires_at=Now())
    with pytest.raises(Conflict, match="expired"):
        break_it(done, amy)


def test_a_run_that_needs_nobody_else_is_confirmed_instead(world: World, amy: User) -> None:
    world.here()
    plan = {"version": 1, "name": "x", "mode": "background", "targets": ["here"], "steps": [script("true")]}
    done = submit(plan, user=world.olga, tenant=world.acme)
    assert status_of(done.execution_id) == "pending_approval"
    with pytest.raises(Conflict, match="needs nobody else"):
        break_it(done, amy)


def test_it_is_for_what_was_seen_and_only_while_who_broke_it_may(world: World, amy: User) -> None:
    changed = a_run(world)
    break_it(changed, amy)
    Execution.objects.filter(pk=changed.execution_id).update(plan_hash="0" * 64)
    assert work_until_over(changed.execution_id) == "failed"
    assert "changed after it was frozen" in runs_of(changed.execution_id)[0].detail
    done = a_run(world)
    break_it(done, amy)
    Membership.objects.filter(user=amy).update(role=Role.APPROVER)
    assert work_until_over(done.execution_id) == "failed"
    assert "amy broke the glass and may not" in runs_of(done.execution_id)[0].detail


def test_at_level_3_who_may_break_the_glass_lets_the_steps_in_one_by_one(
    world: World, amy: User, tmp_path: Path
) -> None:
    User.objects.filter(username="tom").delete()
    execution = gated_run(world, tmp_path, quorum=2)
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    glass.break_glass(
        execution.pk,
        user=world.olga,
        approval_hash=execution.approval_hash,
        reason=REASON,
        signed_in=BY_COMMAND,
    )
    go_on()
    assert list(tmp_path.iterdir()) == []
    assert let_in(execution, world.olga) == 0
    go_on()
    assert [mark.name for mark in tmp_path.iterdir()] == ["one"]
    del amy


def test_a_review_that_nobody_makes_is_asked_for_every_day(
    world: World, amy: User, caplog: pytest.LogCaptureFixture
) -> None:
    done = a_run(world)
    Approval.objects.update(reminded=2)  # of the request itself, before
    break_it(done, amy)
    assert reminding.remind_due() == 0
    Approval.objects.update(decided_at=Now() - timedelta(days=1, hours=1))
    with caplog.at_level(logging.ERROR):
        assert (reminding.remind_due(), reminding.remind_due()) == (1, 0)
    assert "1 days ago, and nobody reviewed that" in caplog.text
    Approval.objects.update(decided_at=Now() - timedelta(days=2, hours=1))
    assert reminding.remind_due() == 1
    assert [
        event.data["days"] for event in Event.objects.filter(type="approval.review_due").order_by("id")
    ] == [1, 2]
    glass.review(done.execution_id, user=world.tom, said="fine")
    Approval.objects.update(decided_at=Now() - timedelta(days=9))
    assert reminding.remind_due() == 0


def test_the_page_and_the_command(world: World, amy: User) -> None:
    done, other = a_run(world), a_run(world)
    address = f"/executions/{done.execution_id}/"
    assert "Break the glass" not in signed_in(world.olga).get(address).content.decode()
    browser = signed_in(amy)
    assert "Break the glass" in browser.get(address).content.decode()
    form = {"approval_hash": done.approval_hash, "reason": REASON}
    assert signed_in(world.tom).post(f"{address}break-glass/", form).status_code == 403
    assert signed_in(world.nina).post(f"{address}break-glass/", form).status_code == 404
    old = browser.session
    old["proven_at"] = 0.0
    answer = browser.post(f"{address}break-glass/", form)
    assert answer.status_code == 302
    told = manage("break_glass", str(other.execution_id), "--as", "amy", "--reason", REASON)
    assert (told.code, "Nothing was approved" in told.err) == (2, True)
    hash_ = other.approval_hash[:12]
    told = manage("break_glass", str(other.execution_id), "--as", "amy", "--hash", hash_, "--reason", REASON)
    assert "the glass is broken" in told.out
    assert manage("break_glass", str(other.execution_id), "--as", "amy", "--review", "x").code == 2
    told = manage("break_glass", str(other.execution_id), "--as", "tom", "--review", "right", "--json")
    assert told.json["reviewed"] is True


def test_votes_given_before_stay_on_record(world: World, amy: User) -> None:
    done = a_run(world, quorum=3)
    vote(done, world.tom)
    break_it(done, amy)
    assert Execution.objects.get().approval.votes.count() == 1


def test_who_let_a_step_in_under_broken_glass_reviews_nothing(
    world: World, amy: User, tmp_path: Path
) -> None:
    ann = factories.a_person("ann", Role.TENANT_ADMIN, tenant=world.acme)
    tom = world.tom
    User.objects.filter(pk=tom.pk).update(username="another")  # nobody whom gated_run lets vote
    execution = gated_run(world, tmp_path, quorum=2)
    how = {"approval_hash": execution.approval_hash, "reason": REASON, "signed_in": BY_COMMAND}
    glass.break_glass(execution.pk, user=amy, **how)
    go_on()
    assert let_in(execution, ann) == 0
    with pytest.raises(NotAllowed, match="or let it begin"):
        glass.review(execution.pk, user=ann, said="fine")
    glass.review(execution.pk, user=User.objects.get(pk=tom.pk), said="right call")
