"""How long one access decision takes, as a worker asks it: a fresh look at the person, and the answer written down."""

import time
from uuid import uuid4

from django.contrib.auth.models import User

from executions.benchmark.figures import NothingMeasured
from safety import rbac
from safety.choices import ActionClass, Environment, Role
from safety.models import Membership, Tenant

DECISIONS = 2000
OTHER_MEMBERS = 5000  # so that the memberships are found by their index and not by looking at all
_WARM_UP = 50


def access_decisions(tenant: Tenant, user: User) -> list[float]:
    """Seconds of each decision, one after the other on one connection, each with its own commit."""
    _many_members(tenant)
    times = []
    for number in range(_WARM_UP + DECISIONS):
        question = rbac.Question(
            tenant_id=tenant.pk,
            actor_id=user.pk,
            wants=rbac.to_run([(Environment.PROD, ActionClass.MODIFY)]),
            asset_id=uuid4(),
            execution_id=uuid4(),
            step_run_id=uuid4(),
        )
        before = time.perf_counter()
        answer = rbac.decide(question)
        after = time.perf_counter()
        if not answer.allowed:
            raise NothingMeasured(f"the decision was a no: {answer.reason}")
        if number >= _WARM_UP:
            times.append(after - before)
    return times


def _many_members(tenant: Tenant) -> None:
    people = User.objects.bulk_create(User(username=f"member-{number}") for number in range(OTHER_MEMBERS))
    Membership.objects.bulk_create(
        Membership(tenant=tenant, user=person, role=Role.OPERATOR, environments=[Environment.DEV])
        for person in people
    )
