"""Taking an approval back: from that moment it carries neither the run nor any of its steps."""

from typing import LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import approvals, control, lifecycle
from executions.errors import Conflict, Refused
from executions.lifecycle import By
from executions.models import Approval, Vote
from executions.states import ExecutionStatus
from executions.voting import Tally
from safety.masking.typed import words_of
from safety.sql import fetch

# All that the person said for this run and its steps, at once.
_TAKE_BACK: LiteralString = """
UPDATE opsc_approval_vote v SET decision = 'withdrawn', comment = left(%(reason)s, 1000), at = statement_timestamp()
FROM opsc_approval a
WHERE a.execution_id = %(execution)s AND v.approval_id = a.id AND v.person_id = %(user)s AND v.decision = 'approved'
RETURNING v.id
"""


def take_back(execution_id: UUID, *, user: User, reason: str) -> str:
    """Withdraw one's own approval of a run, and of its steps. Nobody needs a right for that.

    While others are still asked it stops counting; afterwards the run is cancelled when too few stand behind it. Where
    an outcome is unknown that stays with whoever may decide about it; no further step begins.
    Returns: the status of the execution afterwards.

    Raises:
      NotFound: No such execution for this person.
      Conflict: They did not approve it, or it is over.
      Refused: No reason.
    """
    reason = words_of(reason)
    if not reason:
        raise Refused("A reason is needed.", hint="Say why you take it back; nothing was changed.")
    with transaction.atomic():
        execution = approvals.locked(execution_id, user)
        if execution.finished_at:
            raise Conflict("This run is over.", hint="There is nothing left to take back.")
        taken = fetch(_TAKE_BACK, {"execution": execution_id, "user": user.pk, "reason": reason})
        if not taken:
            raise Conflict("You did not approve this run.", hint="To end it, cancel it.")
        by, approval = By.user(user), Approval.objects.get(execution=execution)
        lifecycle.record(
            "approval.withdrawn",
            tenant_id=execution.tenant_id,
            execution_id=execution_id,
            by=by,
            trace_id=execution.trace_id,
            data={"level": execution.approval_level, "comment": reason},
        )
        carried = approval.status != Approval.Status.APPROVED or not Tally(execution, approval).missing
        is_unknown = execution.status == ExecutionStatus.NEEDS_ATTENTION  # which only who may decide gives up
        if not is_unknown and (not carried or _opened_a_step([row["id"] for row in taken])):
            control.cancel_by(execution_id, by=by, reason=f"the approval was taken back: {reason}")
        execution.refresh_from_db(fields=["status"])
        return str(execution.status)


def _opened_a_step(votes: list[int]) -> bool:
    """Whether a step that is not over was let in with one of these votes."""
    return Vote.objects.filter(pk__in=votes, gate__status="approved", gate__step__closed=False).exists()
