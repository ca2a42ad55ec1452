"""Approve, reject, expire: decisions about what may run, bound to the hash of exactly that."""

from typing import Any, LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import dispatch, lifecycle, voting
from executions.authority import APPROVE, Authority, authority
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.fresh import NOT_SAID, SignedIn, require_fresh
from executions.lifecycle import By, Ready
from executions.models import Approval, Execution, Vote
from executions.rights import records_refusals, refusal
from executions.states import ExecutionStatus, StepStatus
from executions.voting import Tally, closed
from safety.masking.typed import words_of
from safety.sql import fetch, fetch_one

# Decided by the database's clock, in the one statement that also decides who came first.
_DECIDE: LiteralString = """
UPDATE opsc_approval SET status = %(to)s, decided_by_id = %(user)s, decided_at = statement_timestamp(),
       comment = left(%(comment)s, 1000), signed_in_with = left(%(with)s, 80),
       signed_in_at = to_timestamp(%(at)s::float8), address = %(address)s::inet, reminded = 0
WHERE execution_id = %(execution)s AND status = 'requested' AND expires_at > statement_timestamp()
RETURNING id
"""

_EXPIRE: LiteralString = """
UPDATE opsc_approval SET status = 'expired', decided_at = statement_timestamp()
WHERE execution_id = %(execution)s AND status = 'requested' AND expires_at <= statement_timestamp()
RETURNING id
"""

_OVERDUE: LiteralString = """
SELECT execution_id FROM opsc_approval
WHERE status = 'requested' AND expires_at <= statement_timestamp() LIMIT 200
"""

# What was meant to run in the requester's process goes to the queue: that process is long gone.
_TO_QUEUE: LiteralString = """
WITH queued AS (
    UPDATE opsc_execution SET mode = 'background' WHERE id = %(execution)s RETURNING id, sla
), moved AS (
    UPDATE opsc_step_run r SET queue = queued.sla,
           status = CASE WHEN begins.now THEN 'ready' ELSE r.status END,
           ready_at = CASE WHEN begins.now THEN statement_timestamp() END
    FROM queued, opsc_step s, LATERAL (
        SELECT y.id, s.waits_on = 0 AND y.place <= coalesce(s.max_parallel, y.place) AS now FROM (
            SELECT x.id, row_number() OVER (ORDER BY x.id) AS place FROM opsc_step_run x WHERE x.step_id = s.id
        ) y) begins
    WHERE r.execution_id = queued.id AND s.execution_id = queued.id AND begins.id = r.id AND r.status = 'pending'
    RETURNING r.id, r.queue, r.priority, r.status
)
SELECT id, queue, priority FROM moved WHERE status = 'ready'
"""


@records_refusals
def approve(
    execution_id: UUID,
    *,
    user: User,
    approval_hash: str,
    comment: str = "",
    signed_in: SignedIn = NOT_SAID,
) -> int:
    """Approve exactly what `approval_hash` stands for; the last one that it needs queues it.

    Returns: how many more have to approve it.

    Raises:
      NotFound: No such execution for this person.
      NotAllowed: The level asks for somebody else, or (SignInAgain) for a younger sign-in.
      Conflict: Another hash, or decided, expired or withdrawn before.
    """
    comment = words_of(comment)
    with transaction.atomic():
        execution = locked(execution_id, user)
        _require_decision(execution, user)
        require_fresh(execution.approval_level, signed_in)
        require_hash(execution, approval_hash)
        right, missing = voting.approve(tally_of(execution), user, comment, signed_in)
        if missing:
            _record("approval.voted", execution, user, comment, signed_in, missing=missing, **right.as_data())
            return missing
        decide(execution, user, Approval.Status.APPROVED, comment, signed_in, right)
        queue(execution, By.user(user), comment)
        return 0


@records_refusals
def reject(
    execution_id: UUID,
    *,
    user: User,
    comment: str,
    signed_in: SignedIn = NOT_SAID,
) -> None:
    """Refuse the execution for good, whoever approved it before.

    Raises like `approve`, and Refused without a comment.
    """
    comment = words_of(comment)
    if not comment:
        raise Refused("A reason is needed.", hint="The requester needs to know why.")
    with transaction.atomic():
        execution = locked(execution_id, user)
        right = _require_decision(execution, user)
        voting.cast(execution, user, Vote.Decision.REJECTED, comment, signed_in, right)
        decide(execution, user, Approval.Status.REJECTED, comment, signed_in, right)
        lifecycle.move(
            execution_id,
            from_status=ExecutionStatus.PENDING_APPROVAL,
            to_status=ExecutionStatus.REJECTED,
            by=By.user(user),
            reason=comment,
        )
        lifecycle.stop_rest(execution_id, StepStatus.CANCELLED, "rejected")


def expire_due() -> int:
    """End what nobody decided in time; how many."""
    expired = 0
    for row in fetch(_OVERDUE):
        execution_id = row["execution_id"]
        with transaction.atomic():
            fetch(lifecycle.LOCK, {"execution": execution_id})
            if not fetch(_EXPIRE, {"execution": execution_id}):
                continue
            lifecycle.move(
                execution_id,
                from_status=ExecutionStatus.PENDING_APPROVAL,
                to_status=ExecutionStatus.EXPIRED,
                by=By.system(),
                reason="nobody decided in time",
            )
            lifecycle.stop_rest(execution_id, StepStatus.CANCELLED, "expired")
            expired += 1
    return expired


@records_refusals
def require_decision(execution: Execution, user: User) -> Authority:
    """Go on only when the person may approve or reject it. Returns: by whose right. Raises NotAllowed."""
    return _require_decision(execution, user)


def require_hash(execution: Execution, seen: str) -> None:
    """Go on only when what would run is what the person saw. Raises Conflict."""
    if seen != execution.approval_hash:
        raise Conflict(
            f"This approval is for {seen[:12]}, but what would run is {execution.approval_hash[:12]}.",
            hint="Look at the plan again.",
        )


def tally_of(execution: Execution) -> Tally:
    """The votes on its approval as they stand. Raises Conflict when it has none."""
    approval = Approval.objects.filter(execution=execution).first()
    if approval is None:
        raise closed(execution)
    return Tally(execution, approval)


def queue(execution: Execution, by: By, comment: str) -> None:
    """Hand what was just approved to the workers, in the transaction that decided it."""
    lifecycle.move(
        execution.pk,
        from_status=ExecutionStatus.PENDING_APPROVAL,
        to_status=ExecutionStatus.APPROVED,
        by=by,
        reason=comment,
    )
    lifecycle.move(
        execution.pk, from_status=ExecutionStatus.APPROVED, to_status=ExecutionStatus.QUEUED, by=by
    )
    rows = fetch(_TO_QUEUE, {"execution": execution.pk})
    dispatch.wake([Ready(row["id"], row["queue"], row["priority"]) for row in rows])


def locked(execution_id: UUID, user: User) -> Execution:
    """The execution, its row locked: every decision takes the locks in this order."""
    found = Execution.objects.visible_to(user).select_for_update(of=("self",)).filter(pk=execution_id).first()
    if found is None:
        raise NotFound(f"There is no execution {execution_id}.")
    return found


def _require_decision(execution: Execution, user: User) -> Authority:
    right = authority(execution, user)
    if right.objection:
        raise NotAllowed(right.objection, refused=refusal(user, APPROVE, execution, right.objection))
    return right


def decide(
    execution: Execution,
    user: User,
    to: Approval.Status,
    comment: str,
    signed_in: SignedIn,
    right: Authority,
) -> None:
    """Write the decision down if the request is still open, in the caller's transaction. Raises Conflict."""
    parameters = {
        "execution": execution.pk,
        "to": to.value,
        "user": user.pk,
        "comment": comment,
        "with": signed_in.how,
        "at": signed_in.at,
        "address": signed_in.address,
    }
    if fetch_one(_DECIDE, parameters) is None:
        raise closed(execution)
    _record(f"approval.{to.value}", execution, user, comment, signed_in, **right.as_data())


def _record(
    type_: str, execution: Execution, user: User, comment: str, signed_in: SignedIn, **more: Any
) -> None:
    lifecycle.record(
        type_,
        tenant_id=execution.tenant_id,
        execution_id=execution.pk,
        by=By.user(user),
        trace_id=execution.trace_id,
        data={
            "level": execution.approval_level,
            "hash": execution.approval_hash,
            "comment": comment,
            "signed_in_with": signed_in.how,
        }
        | more,
    )
