"""Break-glass: letting a run begin without its approval in an emergency, loudly, and looking at that later."""

import logging
from typing import Final, LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import approvals, lifecycle
from executions.authority import APPROVE, BREAK_GLASS, Authority
from executions.errors import Conflict, NotAllowed, Refused
from executions.four_eyes import asked_for
from executions.fresh import FROM_LEVEL, NOT_SAID, SignedIn, require_fresh
from executions.lifecycle import By
from executions.models import Approval, Execution
from executions.rights import records_refusals, refusal, require
from safety.masking.typed import words_of
from safety.sql import fetch

logger = logging.getLogger(__name__)

SHORTEST_REASON: Final = 10  # characters: "now" is no reason

_REVIEW: LiteralString = """
UPDATE opsc_approval SET reviewed_by_id = %(user)s, reviewed_at = statement_timestamp(), review = left(%(said)s, 1000)
WHERE execution_id = %(execution)s AND status = 'break_glass' AND reviewed_by_id IS NULL RETURNING id
"""


@records_refusals
def break_glass(
    execution_id: UUID,
    *,
    user: User,
    approval_hash: str,
    reason: str,
    signed_in: SignedIn = NOT_SAID,
) -> None:
    """Let exactly what `approval_hash` stands for begin although nobody approved it; the requester may, too.

    It is bound to the hash like an approval. At level 3 whoever may break the glass lets the single steps in. It
    leaves an alert, and somebody else has to look at it afterwards.

    Raises:
      NotFound: No such execution for this person.
      NotAllowed: No right to do that here, or (SignInAgain) a sign-in that is too old.
      Refused: A reason that says nothing.
      Conflict: Another hash, a level that needs nobody else, or decided, expired or withdrawn before.
    """
    reason = words_of(reason)
    with transaction.atomic():
        execution = approvals.locked(execution_id, user)
        require(user, BREAK_GLASS, execution, "You may not let a run begin without its approval.")
        if execution.approval_level < FROM_LEVEL:
            raise Conflict("This run needs nobody else's approval.", hint="Confirm it instead.")
        if len(reason) < SHORTEST_REASON:
            raise Refused(
                f"Say in {SHORTEST_REASON} characters or more what the emergency is.",
                hint="It goes on record, and somebody else will read it. Nothing was changed.",
            )
        require_fresh(execution.approval_level, signed_in)
        approvals.require_hash(execution, approval_hash)
        approvals.decide(execution, user, Approval.Status.BREAK_GLASS, reason, signed_in, Authority())
        _alert(execution, user, reason)
        approvals.queue(execution, By.user(user), reason)


@records_refusals
def review(execution_id: UUID, *, user: User, said: str) -> None:
    """Say what one thinks of a run that began without its approval; it is asked for no more then.

    Raises:
      NotFound: No such execution for this person.
      NotAllowed: They may not approve such a run, asked for it, or broke the glass themselves.
      Refused: Nothing was said.
      Conflict: The glass was not broken, or somebody reviewed it before.
    """
    said = words_of(said)
    with transaction.atomic():
        execution = approvals.locked(execution_id, user)
        objection = may_review(execution, user)
        if objection:
            raise NotAllowed(objection, refused=refusal(user, APPROVE, execution, objection))
        if not said:
            raise Refused("Say what you found.", hint="It is kept beside the reason. Nothing was changed.")
        if not fetch(_REVIEW, {"execution": execution_id, "user": user.pk, "said": said}):
            raise Conflict("There is nothing to review.", hint="Look at the execution again.")
        _record("approval.reviewed", execution, user, {"comment": said})


def may_review(execution: Execution, user: User) -> str:
    """Why this person may not review how it began, as a sentence; empty when they may."""
    approval = getattr(execution, "approval", None)
    took_part = approval and (user.pk == approval.decided_by_id or _let_a_step_in(approval, user))
    if took_part or asked_for(execution, user):
        return "Somebody else has to review this: you asked for the run, or let it begin."
    return "" if user.has_perm(APPROVE, execution) else "Reviewing this needs who may approve such a run."


def _let_a_step_in(approval: Approval, user: User) -> bool:
    """At level 3 one person's yes to a step is enough under broken glass: they are part of it."""
    return approval.votes.filter(person=user, gate__isnull=False).exists()


def _alert(execution: Execution, user: User, reason: str) -> None:
    """For those who watch: an event of its own kind, and an error in the log."""
    _record("system.alert", execution, user, {"alert": "break_glass", "reason": reason})
    logger.error("break-glass: %s let execution %s begin without its approval", user, execution.pk)


def _record(type_: str, execution: Execution, user: User, data: dict[str, str]) -> None:
    lifecycle.record(
        type_,
        tenant_id=execution.tenant_id,
        execution_id=execution.pk,
        by=By.user(user),
        trace_id=execution.trace_id,
        data=data,
    )
