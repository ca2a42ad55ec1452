"""One-time links: one person, one request, one hash, one use; approving level 2 and 3 still asks who they are."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import override_settings

from executions import control, decision_links, deputies
from executions.errors import Conflict, NotAllowed
from executions.fresh import BY_COMMAND
from executions.models import Approval, ApprovalLink, Event, Execution, StepGate, Vote
from executions.submission import Submitted, submit
from safety.choices import Role
from safety.models import Membership
from tests import factories
from tests.approving import a_run, signed_in, vote
from tests.commands import manage
from tests.integration.test_approvers import gated_run
from tests.racing import race
from tests.world import World, script, status_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")


def link_to(done: Submitted, person: User, step: str = "") -> str:
    execution = Execution.objects.get(pk=done.execution_id)
    return f"/decide/{decision_links.issue(execution, person, step)}/"


def a_confirmation(world: World) -> Submitted:
    """A run at level 1, which waits for anybody who may run it."""
    if not world.acme.assets.exists():
        world.here()
    plan = {"version": 1, "name": "one", "mode": "background", "targets": ["here"], "steps": [script("true")]}
    return submit(plan, user=world.olga, tenant=world.acme, again=True)


def press(address: str, decision: str, browser: Client | None = None, **more: Any) -> Any:
    return (browser or Client()).post(address, {"decision": decision, **more})


def test_level_1_is_confirmed_by_the_link_alone_and_opening_it_changes_nothing(world: World) -> None:
    done = a_confirmation(world)
    address = link_to(done, world.olga)
    for _ in range(2):
        page = Client().get(address)
        assert "You decide as <strong>olga</strong>" in page.content.decode()
        assert page["Referrer-Policy"] == "same-origin"
        assert "no-store" in page["Cache-Control"]
    assert status_of(done.execution_id) == "pending_approval"
    assert "Approved." in press(address, "approve").content.decode()
    assert Vote.objects.get().signed_in_with == "one-time approval link"
    assert press(address, "approve").status_code == 410
    assert Client().get(address).status_code == 410
    assert work_until_over(done.execution_id) == "succeeded"


def test_approving_level_2_asks_its_person_to_sign_in_and_then_lately(world: World) -> None:
    done = a_run(world, quorum=1)
    address = link_to(done, world.tom)
    page = Client().get(address).content.decode()
    assert "Sign in to approve" in page
    assert 'value="approve"' not in page
    answer = press(address, "approve")
    assert (answer.status_code, answer["Location"].startswith("/sign-in/again/")) == (302, True)
    stale = signed_in(world.tom)
    session = stale.session
    session["proven_at"] = 1.0
    session.save()
    assert press(address, "approve", stale).status_code == 302
    assert status_of(done.execution_id) == "pending_approval"
    assert ApprovalLink.objects.get().used_at is None
    fresh = signed_in(world.tom)
    assert 'value="approve"' in fresh.get(address).content.decode()
    assert "Approved." in press(address, "approve", fresh).content.decode()
    assert "one-time approval link" in Approval.objects.get().signed_in_with


def test_rejecting_needs_the_link_alone_and_a_reason(world: World) -> None:
    done = a_run(world, quorum=1)
    address = link_to(done, world.tom)
    assert "To reject it, say why" in press(address, "reject").content.decode()
    assert "Rejected." in press(address, "reject", comment="not during the freeze").content.decode()
    assert status_of(done.execution_id) == "rejected"
    assert Event.objects.get(type="approval.rejected").actor == "tom"


def test_somebody_else_who_is_signed_in_cannot_use_it(world: World) -> None:
    done = a_run(world, quorum=1)
    address = link_to(done, world.tom)
    for user in (world.olga, world.nina):
        assert "somebody else" in signed_in(user).get(address).content.decode()
        assert press(address, "reject", signed_in(user), comment="x").status_code == 403
    assert status_of(done.execution_id) == "pending_approval"


@pytest.mark.parametrize("end", ["decided", "cancelled", "expired", "role", "account", "changed", "key"])
def test_it_dies_with_what_it_is_about(world: World, end: str) -> None:
    done = a_run(world, quorum=1)
    address = link_to(done, world.tom)
    if end == "decided":
        vote(done, world.tom)
    elif end == "cancelled":
        control.request_cancel(done.execution_id, user=world.olga, reason="no")
    elif end == "expired":
        Approval.objects.update(expires_at=Now() - timedelta(seconds=1))
    elif end == "role":
        Membership.objects.filter(user=world.tom).update(role=Role.VIEWER)
    elif end == "account":
        User.objects.filter(pk=world.tom.pk).update(is_active=False)
    elif end == "changed":
        Execution.objects.update(approval_hash="f" * 64)
    before = Execution.objects.get().status, Vote.objects.count()
    with override_settings(SECRET_KEY="another" * 8) if end == "key" else override_settings():
        answers = {press(address, "approve", signed_in(world.tom)).status_code for _ in range(2)}
        if end != "changed":
            answers |= {press(address, "reject", comment="no").status_code}
    assert answers <= {302, 403, 409, 410}
    assert (Execution.objects.get().status, Vote.objects.count()) == before


def test_what_is_no_link_is_answered_like_a_used_one(world: World) -> None:
    del world
    salt = "opsconductor.approval-link"
    elsewhere = [signing.dumps("0" * 32), signing.dumps("x", salt=salt), signing.dumps([1], salt=salt)]
    for token in ("x", "a:b:c", "..", "%00", *elsewhere, signing.dumps("0" * 32, salt=salt)):
        answer = Client().get(f"/decide/{token}/")
        assert answer.status_code in (404, 410), token
        assert "Traceback" not in answer.content.decode()


def test_a_link_to_a_single_step(world: World, tmp_path: Path) -> None:
    execution = gated_run(world, tmp_path, quorum=1)
    token = decision_links.issue(execution, world.tom, "one")
    page = signed_in(world.tom).get(f"/decide/{token}/").content.decode()
    assert "Let a step begin?" in page
    assert "Approved." in press(f"/decide/{token}/", "approve", signed_in(world.tom)).content.decode()
    assert StepGate.objects.get().status == "approved"
    with pytest.raises(Conflict, match="Nobody is asked"):
        decision_links.issue(execution, world.tom, "one")


def test_none_is_made_for_somebody_who_may_not_decide(world: World) -> None:
    done = a_run(world, quorum=1)
    execution = Execution.objects.get(pk=done.execution_id)
    for user in (world.olga, world.nina):
        with pytest.raises(NotAllowed):
            decision_links.issue(execution, user)
    assert manage("approval_link", str(done.execution_id), "nina").code == 2
    link = manage("approval_link", str(done.execution_id), "tom", "--base", "https://ops.example/").out
    assert link.startswith("https://ops.example/decide/")
    assert not ApprovalLink.objects.exclude(person=world.tom).exists()


def test_of_two_at_the_same_moment_one_decides(world: World) -> None:
    links = [link_to(a_confirmation(world), world.olga) for _ in range(100)]
    results = race(
        links,
        lambda address: press(address, "approve").status_code,
        lambda address: press(address, "reject", comment="no").status_code,
    )
    assert all(sorted(row) == [200, 410] for row in results), set(results)
    assert set(Execution.objects.values_list("status", flat=True)) <= {"queued", "rejected"}


def test_a_deputy_gets_one_too(world: World) -> None:
    val = factories.a_person("val", Role.VIEWER, tenant=world.acme)
    done = a_run(world, quorum=1)
    until = Approval.objects.get().requested_at + timedelta(days=1)
    deputies.delegate(
        world.acme, user=world.tom, deputy=val, ends_at=until, reason="leave", signed_in=BY_COMMAND
    )
    assert "Approved." in press(link_to(done, val), "approve", signed_in(val)).content.decode()
