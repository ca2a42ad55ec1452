"""The page of approvals asks the same question once, however many runs wait; whoever decides is asked about afresh."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.authority import may_decide
from executions.models import Execution, StepGate
from safety import rbac
from safety.choices import Role
from safety.glance import one_glance
from safety.models import Delegation, GroupMember, Membership
from tests import factories
from tests.approving import signed_in

pytestmark = pytest.mark.usefixtures("live_db")
GIVERS = 5
RUNS = 4


@pytest.fixture
def deputy() -> User:
    """A viewer whom five approvers have named, each of them in a group."""
    tenant, val = factories.a_tenant(), factories.a_person("val", Role.VIEWER)
    for number in range(GIVERS):
        giver = factories.a_person(f"giver-{number}", Role.APPROVER)
        Delegation.objects.create(
            tenant=tenant, giver=giver, deputy=val, ends_at=timezone.now() + timedelta(days=1), reason="leave"
        )
    GroupMember.objects.create(tenant=tenant, user=giver, group="netops")
    return val


def _wait(requester: User, approver: User, runs: int) -> None:
    """So many runs and steps of level 2 begin to wait, some of them for a group."""
    more = {"approval_level": 2, "touches": ["prod:change"], "environment": "prod"}
    for number in range(runs):
        run = factories.an_execution(requester, status="pending_approval", **more)
        factories.an_approval(run, groups=["netops"] if number % 2 else [])
        begun = factories.an_execution(requester, status="running", **more)
        decided = {"decided_by": approver, "decided_at": timezone.now()}
        factories.an_approval(begun, status="approved", groups=["netops"], **decided)
        StepGate.objects.create(
            tenant=begun.tenant,
            execution=begun,
            step=factories.a_step(begun),
            status="requested",
            expires_at=timezone.now() + timedelta(minutes=5),
        )


def _asked(person: User) -> tuple[int, str]:
    client = signed_in(person)
    client.get("/approvals/")
    with CaptureQueriesContext(connection) as seen:
        answer = client.get("/approvals/")
    return len(seen), answer.content.decode()


@pytest.mark.parametrize("who", ["deputy", "requester", "approver"])
def test_the_page_asks_no_more_for_many_runs_than_for_few(deputy: User, who: str) -> None:
    olga, tom = factories.olga(), factories.tom()
    person = {"deputy": deputy, "requester": olga, "approver": tom}[who]
    _wait(olga, tom, RUNS)
    few, _ = _asked(person)
    _wait(olga, tom, 5 * RUNS)
    many, page = _asked(person)
    assert page.count("Look and decide") == (
        0 if who == "requester" else 12 * RUNS if who == "deputy" else 12
    )
    assert many == few


def test_a_right_that_ended_is_seen_beyond_the_glance() -> None:
    olga, tom = factories.olga(), factories.tom()
    run = factories.an_execution(olga, status="pending_approval", approval_level=2, touches=["prod:change"])
    factories.an_approval(run)
    run = Execution.objects.get(pk=run.pk)
    with one_glance():
        assert not may_decide(run, tom)
        Membership.objects.filter(user=tom).delete()
        assert not may_decide(run, User.objects.get(pk=tom.pk))
    assert "needs the role approver" in may_decide(run, User.objects.get(pk=tom.pk))
    asked = rbac.Question(
        tenant_id=run.tenant_id, actor_id=tom.pk, wants=rbac.to_hold("executions.approve_execution")
    )
    with one_glance():
        assert not rbac.decide(asked).allowed
