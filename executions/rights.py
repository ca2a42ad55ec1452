"""Asks for the right to an act, and leaves a trace where it is refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.db import connection, transaction

from executions import lifecycle
from executions.errors import NotAllowed, Refusal
from executions.lifecycle import By
from executions.models import Execution
from executions.states import ActorKind
from safety import rbac
from safety.auth_backend import question_about

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Reach:
    """All that an act reaches in a tenant, to be asked about at once.

    `touches`: "environment:action class" each; without a class any will do, without a pair anywhere.
    """

    tenant_id: int
    touches: tuple[str, ...]
    execution_id: UUID | None = None
    lockable_id: UUID | None = None


def records_refusals(act: Callable[P, R]) -> Callable[P, R]:
    """Write down what the act refuses for want of a right, after its own transaction was given up.

    A decision and the event `rbac.violation`, in one transaction; a person who is refused again and again leaves
    a bounded number of both. What is written within a transaction of the caller is given up with it, so the caller has
    to say so, too, and then writes it again.
    """

    @wraps(act)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return act(*args, **kwargs)
        except NotAllowed as refusal:
            if refusal.refused:
                _record(refusal.refused)
                refusal.refused = refusal.refused if connection.in_atomic_block else None
            raise

    return wrapped


def require(user: Any, permission: str, about: Any, sentence: str) -> None:
    """Go on only when the person holds the permission for this object.

    Raises:
      NotAllowed: With the sentence, and the reason as its hint.
    """
    if not user.has_perm(permission, about):
        refused = refusal(user, permission, about)
        raise NotAllowed(sentence, hint=f"Why: {refused.answer.reason}.", refused=refused)


def refusal(user: Any, permission: str, about: Any, reason: str = "") -> Refusal:
    """What is written down when this person is refused; without a `reason`, the one that RBAC gives."""
    is_execution = isinstance(about, Execution)
    question = replace(
        question_about(user, permission, about),
        execution_id=about.pk if is_execution else getattr(about, "execution_id", None),
        asset_id=getattr(about, "asset_id", None) or getattr(about, "lockable_id", None),
    )
    answer = rbac.look(question)
    return Refusal(question, replace(answer, allowed=False, reason=reason or answer.reason or "not allowed"))


def _record(refused: Refusal) -> None:
    question, answer = refused.question, refused.answer
    with transaction.atomic():
        if not rbac.record_refusal(question, answer):
            return
        lifecycle.record(
            "rbac.violation",
            tenant_id=question.tenant_id,
            execution_id=question.execution_id,
            by=By(ActorKind.USER, answer.person),
            data={
                "person": answer.person,
                "question": answer.question,
                "reason": answer.reason,
                "environment": answer.environment,
                "asset": str(question.asset_id or ""),
            },
        )
