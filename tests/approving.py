"""A change in prod that has to be approved, and people saying yes to it."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from executions import approvals
from executions.authority import may_decide
from executions.fresh import BY_COMMAND
from executions.models import Execution
from executions.submission import Submitted, submit
from safety.models import ApprovalPolicy
from tests.world import World, script


def a_run(world: World, quorum: int = 2, level: int = 2, **more: Any) -> Submitted:
    """A change in prod, for which Acme asks for so many people, on its only asset."""
    ApprovalPolicy.objects.update_or_create(
        tenant=world.acme,
        environment="prod",
        action_class="modify",
        defaults={"level": level, "quorum": quorum, **more},
    )
    if not world.acme.assets.exists():
        world.here(environment="prod")
    steps = [script("true")]
    plan = {"version": 1, "name": "prod", "mode": "background", "targets": ["here"], "steps": steps}
    return submit(plan, user=world.olga, tenant=world.acme, again=True)


def vote(done: Submitted, user: User, comment: str = "") -> int:
    """Approve it; how many more it needs."""
    return approvals.approve(
        done.execution_id, user=user, approval_hash=done.approval_hash, comment=comment, signed_in=BY_COMMAND
    )


def reject(done: Submitted, user: User) -> None:
    """Reject it."""
    approvals.reject(done.execution_id, user=user, comment="no", signed_in=BY_COMMAND)


def may(done: Submitted, user: User) -> str:
    """Why they may not decide; empty when they may."""
    return may_decide(Execution.objects.get(pk=done.execution_id), user)


def signed_in(user: User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client
