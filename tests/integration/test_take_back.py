"""Taking an approval back, and the request itself: it stops counting everywhere at once."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from executions import letting_in, withdrawing
from executions.errors import Conflict, NotFound, Refused
from executions.models import Approval, Event, StepGate, Vote
from safety.choices import Role
from safety.models import Membership
from tests import factories
from tests.approving import a_run, reject, signed_in, vote
from tests.commands import manage
from tests.integration.test_approvers import gated_run, let_in
from tests.world import World, status_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def ada(world: World) -> User:
    """A second approver of Acme."""
    return factories.a_person("ada", Role.APPROVER, tenant=world.acme)


def test_while_others_are_asked_it_stops_counting_and_may_be_given_again(world: World, ada: User) -> None:
    done = a_run(world, quorum=2)
    vote(done, world.tom)
    assert withdrawing.take_back(done.execution_id, user=world.tom, reason="wrong week") == "pending_approval"
    assert vote(done, ada) == 1
    assert Event.objects.get(type="approval.withdrawn").data["comment"] == "wrong week"
    assert vote(done, world.tom) == 0
    assert work_until_over(done.execution_id) == "succeeded"


def test_a_run_that_too_few_stand_behind_is_cancelled(world: World, ada: User) -> None:
    done, carried = a_run(world, quorum=1), a_run(world, quorum=2)
    vote(done, world.tom)
    assert withdrawing.take_back(done.execution_id, user=world.tom, reason="wrong week") == "cancelled"
    vote(carried, world.tom)
    vote(carried, ada)
    Approval.objects.filter(execution=carried.execution_id).update(quorum=1)
    assert withdrawing.take_back(carried.execution_id, user=world.tom, reason="x") == "queued"
    assert status_of(carried.execution_id) == "queued"


def test_a_step_that_was_let_in_with_it_is_not_carried_any_more(
    world: World, ada: User, tmp_path: Path
) -> None:
    del ada
    execution = gated_run(world, tmp_path, quorum=1)
    let_in(execution, world.tom)
    Vote.objects.filter(gate=None).update(person=User.objects.get(username="ada"))
    withdrawing.take_back(execution.pk, user=world.tom, reason="not this one")
    assert work_until_over(execution.pk) == "cancelled"
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_somebody_else_let_in_instead_is_carried_on(
    world: World, ada: User, tmp_path: Path
) -> None:
    execution = gated_run(world, tmp_path, quorum=1)
    let_in(execution, world.tom)
    StepGate.objects.update(expires_at=F("requested_at"))
    assert letting_in.reopen_due() == 1  # it did not begin in time, so Tom's vote for the step is gone
    let_in(execution, ada)
    factories.a_vote(execution.approval, ada)
    assert withdrawing.take_back(execution.pk, user=world.tom, reason="not my week") != "cancelled"
    assert work_until_over(execution.pk) == "succeeded"


def test_what_is_refused(world: World, ada: User) -> None:
    done = a_run(world, quorum=1)
    with pytest.raises(Refused, match="reason"):
        withdrawing.take_back(done.execution_id, user=world.tom, reason=" ")
    with pytest.raises(Conflict, match="did not approve"):
        withdrawing.take_back(done.execution_id, user=world.tom, reason="x")
    with pytest.raises(NotFound):
        withdrawing.take_back(done.execution_id, user=world.nina, reason="x")
    vote(done, world.tom)
    work_until_over(done.execution_id)
    with pytest.raises(Conflict, match="over"):
        withdrawing.take_back(done.execution_id, user=world.tom, reason="x")
    del ada


def test_page_and_command(world: World, ada: User) -> None:
    done = a_run(world, quorum=2)
    address = f"/executions/{done.execution_id}/"
    assert "Take my approval back" not in signed_in(world.tom).get(address).content.decode()
    vote(done, world.tom)
    page = signed_in(world.tom)
    assert "Take my approval back" in page.get(address).content.decode()
    assert "Take my approval back" not in signed_in(ada).get(address).content.decode()
    assert page.post(f"{address}take-back/", {"reason": ""}, follow=True).status_code == 200
    assert Vote.objects.get().decision == "approved"
    said = page.post(f"{address}take-back/", {"reason": "wrong week"}, follow=True).content.decode()
    assert "The run goes on waiting." in said
    vote(done, ada)
    told = manage("withdraw", str(done.execution_id), "--as", "ada", "--reason", "me too")
    assert "your approval is taken back" in told.out
    assert signed_in(world.nina).post(f"{address}take-back/", {"reason": "x"}).status_code == 404


def test_who_asked_for_a_run_takes_the_request_back_without_a_right_to_cancel(world: World) -> None:
    done = a_run(world, quorum=1)
    Membership.objects.filter(user=world.olga).update(role=Role.VIEWER)
    address = f"/executions/{done.execution_id}/"
    assert "Withdraw the request" in signed_in(world.olga).get(address).content.decode()
    signed_in(world.olga).post(f"{address}cancel/", {"reason": "not needed"})
    assert (status_of(done.execution_id), Approval.objects.get().status) == ("cancelled", "withdrawn")
    with pytest.raises(Conflict, match="withdrawn"):
        vote(done, world.tom)
    with pytest.raises(Conflict, match="withdrawn"):
        reject(done, world.tom)


def test_once_it_is_approved_ending_it_needs_the_right(world: World) -> None:
    done = a_run(world, quorum=1)
    vote(done, world.tom)
    Membership.objects.filter(user=world.olga).update(role=Role.VIEWER)
    answer = signed_in(world.olga).post(f"/executions/{done.execution_id}/cancel/", {"reason": "x"})
    assert answer.status_code == 403
    assert status_of(done.execution_id) == "queued"
