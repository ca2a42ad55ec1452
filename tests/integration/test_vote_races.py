"""Approve racing approve, expire, cancel, reject and the taking back: a thousand rounds each, one outcome each."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from executions import approvals, control, withdrawing
from executions.errors import Conflict
from executions.models import Approval, Event, Execution, Step, StepRun, Vote
from executions.submission import Submitted
from safety.choices import Role
from tests import factories
from tests.approving import a_run, reject, vote
from tests.racing import another, race
from tests.world import World

pytestmark = [pytest.mark.usefixtures("working"), pytest.mark.timeout(900)]
ROUNDS = 1000

Ending = tuple[str, str]
Act = Callable[[Submitted], Any]


@pytest.fixture
def ada(world: World) -> User:
    """A second approver of Acme."""
    return factories.a_person("ada", Role.APPROVER, tenant=world.acme)


def some_runs(world: World, quorum: int) -> list[Submitted]:
    """So many runs that wait for approval: one that was submitted, and copies of its rows."""
    first = a_run(world, quorum=quorum)
    execution = Execution.objects.get(pk=first.execution_id)
    run, step, approval = (model.objects.get(execution=execution) for model in (StepRun, Step, Approval))
    executions = [another(execution, pk=uuid4(), idempotency_key=uuid4().hex * 2) for _ in range(ROUNDS - 1)]
    Execution.objects.bulk_create(executions)
    steps = Step.objects.bulk_create(another(step, pk=None, execution_id=one.pk) for one in executions)
    StepRun.objects.bulk_create(
        another(run, pk=uuid4(), execution_id=one.execution_id, step_id=one.pk) for one in steps
    )
    Approval.objects.bulk_create(another(approval, pk=None, execution_id=one.pk) for one in executions)
    return [first, *(replace(first, execution_id=one.pk) for one in executions)]


def endings() -> Counter[Ending]:
    """How the runs and their approvals ended."""
    return Counter(Execution.objects.values_list("status", "approval__status"))


def decided_once() -> bool:
    """No approval was decided twice, whatever raced."""
    types = ("approval.approved", "approval.rejected", "approval.expired")
    told = Counter(Event.objects.filter(type__in=types).values_list("execution_id", flat=True))
    return set(told.values()) <= {1}


def only_conflicts(results: list[tuple[Any, ...]]) -> bool:
    return all(isinstance(one, Conflict) for row in results for one in row if isinstance(one, Exception))


def test_two_approvers_at_the_same_moment_both_count(world: World, ada: User) -> None:
    runs = some_runs(world, quorum=2)
    results = race(runs, lambda done: vote(done, world.tom), lambda done: vote(done, ada))
    assert all(sorted(row) == [0, 1] for row in results)
    assert endings() == {("queued", "approved"): ROUNDS}
    assert decided_once()


def test_one_approval_is_enough_and_the_other_comes_too_late(world: World, ada: User) -> None:
    runs = some_runs(world, quorum=1)
    results = race(runs, lambda done: vote(done, world.tom), lambda done: vote(done, ada))
    assert all(row.count(0) == 1 for row in results)
    assert only_conflicts(results)
    assert endings() == {("queued", "approved"): ROUNDS}


def expires(done: Submitted) -> None:
    Approval.objects.filter(execution=done.execution_id, status="requested").update(expires_at=Now())
    approvals.expire_due()


def cancels(done: Submitted) -> None:
    control.request_cancel(done.execution_id, user=User.objects.get(username="olga"), reason="no")


def rejects(done: Submitted) -> None:
    reject(done, User.objects.get(username="ada"))


def takes_back(done: Submitted) -> None:
    """Tom takes back what he approved before the race."""
    withdrawing.take_back(done.execution_id, user=User.objects.get(username="tom"), reason="wrong week")


@pytest.mark.parametrize(
    ("other", "allowed"),
    [
        (expires, {("queued", "approved"), ("expired", "expired")}),
        (cancels, {("cancelled", "approved"), ("cancelled", "withdrawn")}),
        (rejects, {("queued", "approved"), ("rejected", "rejected")}),
    ],
)
def test_at_the_same_moment_there_is_one_outcome(
    world: World, ada: User, other: Act, allowed: set[Ending]
) -> None:
    del ada
    results = race(some_runs(world, quorum=1), lambda done: vote(done, world.tom), other)
    assert only_conflicts(results)
    assert set(endings()) <= allowed
    assert sum(endings().values()) == ROUNDS
    assert decided_once()


def test_the_last_vote_and_the_taking_back_of_the_first_let_nothing_begin_with_too_few(
    world: World, ada: User
) -> None:
    runs = some_runs(world, quorum=2)
    Vote.objects.bulk_create(
        Vote(
            tenant=one.tenant,
            approval=one,
            person=world.tom,
            decision="approved",
            approval_hash=one.approval_hash,
        )
        for one in Approval.objects.select_related("tenant")
    )
    results = race(runs, lambda done: vote(done, ada), takes_back)
    assert only_conflicts(results)
    assert set(endings()) <= {("pending_approval", "requested"), ("cancelled", "approved")}
    assert decided_once()
