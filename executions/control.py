"""What people do to an execution while it is open or after it ended: cancel, retry."""

import json
from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import dispatch, lifecycle
from executions.errors import Conflict, NotFound
from executions.heartbeat import CHANNEL
from executions.idempotency import new_key
from executions.inventory import frozen_for
from executions.lifecycle import By
from executions.models import Execution, StepRun
from executions.plans import FrozenPlan, parse_plan
from executions.plans.narrow import part_of
from executions.rights import records_refusals, require
from executions.states import ExecutionStatus, StepStatus
from executions.submission import Submitted, submit_frozen
from safety.cancellation import CancelReason
from safety.masking.typed import words_of
from safety.models import Tenant
from safety.sql import fetch, fetch_one

_WISH: LiteralString = """
UPDATE opsc_execution SET cancel_requested_at = statement_timestamp(), cancel_kind = %(kind)s,
       cancel_reason = left(%(reason)s, 300), cancel_actor = left(%(actor)s, 150), cancel_actor_kind = %(by)s,
       status_reason = CASE WHEN status_reason = '' THEN left(%(reason)s, 500) ELSE status_reason END
WHERE id = %(execution)s AND finished_at IS NULL AND cancel_requested_at IS NULL RETURNING id
"""

_STATUS: LiteralString = "SELECT status, tenant_id, trace_id FROM opsc_execution WHERE id = %(execution)s"

_LIMIT: LiteralString = "SELECT limit_s, policy FROM opsc_execution WHERE id = %(execution)s"

_WITHDRAW: LiteralString = """
UPDATE opsc_approval SET status = 'withdrawn' WHERE execution_id = %(execution)s AND status = 'requested'
"""

_NOTIFY: LiteralString = "SELECT pg_notify(%(channel)s, %(payload)s)"

_NOTHING_UNKNOWN: LiteralString = "UPDATE opsc_execution SET interrupted_runs = 0 WHERE id = %(execution)s"

# Nobody knows how these ended, and nobody will look: cancelled, but not as proven.
_GIVE_UP_UNKNOWN: LiteralString = """
WITH given_up AS (
    UPDATE opsc_step_run SET status = 'cancelled', finished_at = statement_timestamp(), stop_confirmed = false
    WHERE execution_id = %(execution)s AND status = 'interrupted'
    RETURNING id, tenant_id, execution_id, step_id
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, actor,
                            data)
    SELECT tenant_id, execution_id, id, 'step.cancelled', 'interrupted', 'cancelled', %(kind)s, %(actor)s,
           %(why)s::jsonb
    FROM given_up
)
SELECT step_id FROM given_up
"""


@records_refusals
def request_cancel(execution_id: UUID, *, user: User, reason: str, duplicate_of: UUID | None = None) -> str:
    """Ask for the end of an execution: what has not begun is cancelled now, what runs is told to stop.

    Asking twice is the same as once, unless an outcome became unknown in between: that is then given up too.
    `duplicate_of`: the execution that does the same, which is then on record as the reason.
    Returns: the status afterwards (`running` until the last process is dead).

    Raises:
      NotFound, NotAllowed: No such execution for this person, or not theirs to cancel.
      Conflict: It is over, or a duplicate of itself.
    """
    by, words, kind = By.user(user), words_of(reason) or "no reason given", CancelReason.USER
    if duplicate_of == execution_id:
        raise Conflict("An execution is no duplicate of itself.", hint="Name the one that is to go on.")
    if duplicate_of is not None:
        kind, words = CancelReason.DUPLICATE, f"{visible(duplicate_of, user).short_id} does the same; {words}"
    with transaction.atomic():
        visible(execution_id, user)
        fetch(lifecycle.LOCK, {"execution": execution_id})
        execution = visible(execution_id, user)  # as it is now: what is decided is no request any more
        if not is_withdrawal(execution, user):
            require(user, "executions.cancel_execution", execution, "You may not cancel this execution.")
        return _cancel(execution_id, kind=kind, reason=words, by=by)


def is_withdrawal(execution: Execution, user: Any) -> bool:
    """Whether they would take back what they asked for themselves and nobody decided; no right is needed for that."""
    return execution.status == ExecutionStatus.PENDING_APPROVAL and execution.requested_by_id == user.pk


def cancel_for_timeout(execution_id: UUID, why: str = "") -> str:
    """End an execution whose time is over, or for which a limit says `why`. Returns: the status afterwards."""
    if not why:
        row = fetch(_LIMIT, {"execution": execution_id})[0]
        why = f"the limit of {row['limit_s']} s for the whole execution was reached (policy {row['policy']})"
    return _cancel(execution_id, kind=CancelReason.TIMEOUT, reason=why, by=By.system())


def stop_holder(execution_id: UUID, *, by: By, reason: str) -> None:
    """Cancel an execution from which a person took a lease away; nothing when it is over."""
    if Execution.objects.filter(pk=execution_id, finished_at__isnull=True).exists():
        _cancel(execution_id, kind=CancelReason.USER, reason=reason, by=by)


def cancel_by(execution_id: UUID, *, by: By, reason: str) -> None:
    """Cancel it for whoever decided about more than it, or about a step of it. Raises Conflict: it is over."""
    _cancel(execution_id, kind=CancelReason.USER, reason=reason, by=by)


def _cancel(execution_id: UUID, *, kind: CancelReason, reason: str, by: By) -> str:
    with transaction.atomic():
        fetch(lifecycle.LOCK, {"execution": execution_id})
        before = fetch(_STATUS, {"execution": execution_id})[0]
        wish = {"execution": execution_id, "kind": kind, "reason": reason, "actor": by.name, "by": by.kind}
        wished = fetch(_WISH, wish)
        if not wished and before["status"] != ExecutionStatus.NEEDS_ATTENTION:
            return _asked_before(execution_id, before["status"])
        lifecycle.record(
            "execution.cancel_requested",
            tenant_id=before["tenant_id"],
            execution_id=execution_id,
            by=by,
            trace_id=before["trace_id"],
            data={"reason": reason, "kind": kind},
        )
        fetch(_WITHDRAW, {"execution": execution_id})
        lifecycle.stop_rest(execution_id, StepStatus.CANCELLED, "cancelled")
        if before["status"] == ExecutionStatus.NEEDS_ATTENTION:
            _give_up_unknown(execution_id, by, kind, reason)
        ready = lifecycle.release_and_wake(execution_id)
        fetch(_NOTIFY, {"channel": CHANNEL, "payload": _notice(wish)})
        after: str = fetch(_STATUS, {"execution": execution_id})[0]["status"]
    dispatch.wake(ready)
    return after


def _notice(wish: Mapping[str, Any]) -> str:
    """What the processes that run its steps are told; below the 8,000 bytes that NOTIFY carries."""
    shown = {name: str(wish[name])[:300] for name in ("execution", "kind", "actor", "reason")}
    return json.dumps(shown, ensure_ascii=False)


def _give_up_unknown(execution_id: UUID, by: By, kind: CancelReason, reason: str) -> None:
    """Go on without an answer, so that what still runs can end the execution; leases under review stay."""
    fetch(_NOTHING_UNKNOWN, {"execution": execution_id})
    lifecycle.move(
        execution_id,
        from_status=ExecutionStatus.NEEDS_ATTENTION,
        to_status=ExecutionStatus.RUNNING,
        by=by,
        reason=reason,
    )
    why = json.dumps({"kind": kind, "reason": reason, "by": by.name})
    given_up = {"execution": execution_id, "kind": by.kind, "actor": by.name, "why": why}
    rows = fetch(_GIVE_UP_UNKNOWN, given_up)
    lifecycle.count_ended(execution_id, StepStatus.CANCELLED, [row["step_id"] for row in rows])


def _asked_before(execution_id: UUID, status: str) -> str:
    row = fetch_one(
        "SELECT finished_at IS NOT NULL AS over, status FROM opsc_execution WHERE id = %(execution)s",
        {"execution": execution_id},
    )
    if row and row["over"] and status != ExecutionStatus.CANCELLED:
        raise Conflict(f"Execution {str(execution_id)[:8]} is over ({status.replace('_', ' ')}).")
    return status


@records_refusals
def retry(execution_id: UUID, *, user: User, failed_only: bool = False, confirmed: bool = False) -> Submitted:
    """Run a finished execution's plan again, as a new execution that points at the old one.

    `failed_only`: only the step runs that did not succeed.

    Raises:
      NotFound, NotAllowed, PlanInvalid: As for a submission.
      Conflict: It is still open, or nothing failed.
    """
    execution = visible(execution_id, user)
    require(user, "executions.retry_execution", execution, "You may not retry this execution.")
    if not execution.is_terminal:
        raise Conflict(
            f"Execution {execution.short_id} is still {execution.get_status_display()}.",
            hint="Wait for its end, or cancel it first.",
        )
    if failed_only and execution.shadow:
        raise Conflict("A shadow did nothing, so nothing of it is left out.", hint="Retry all of it.")
    plan = parse_plan(execution.plan, allow_likely_secrets=True)
    frozen = frozen_for(execution.tenant_id, plan)
    if failed_only:
        frozen = _only_failed(execution, frozen)
    return submit_frozen(
        frozen,
        user=user,
        tenant=Tenant.objects.get(pk=execution.tenant_id),
        key=new_key(),
        confirmed=confirmed,
        retry_of=execution.pk,
    )


def _only_failed(execution: Execution, frozen: FrozenPlan) -> FrozenPlan:
    """The plan without the step runs that succeeded; steps left empty fall out of the graph."""
    left = set(
        StepRun.objects.filter(execution=execution)
        .exclude(status=StepStatus.SUCCEEDED)
        .values_list("step__key", "asset_id")
    )
    chosen = {
        step.id: tuple(target for target in step.targets if (step.id, target) in left)
        for step in frozen.steps
    }
    if not any(chosen.values()):
        raise Conflict("Every step run succeeded; there is nothing to retry.")
    return part_of(frozen, chosen)


def visible(execution_id: UUID, user: Any) -> Execution:
    """The execution, if this person may see it. Raises NotFound."""
    found = Execution.objects.visible_to(user).filter(pk=execution_id).first()
    if found is None:
        raise NotFound(f"There is no execution {execution_id}.")
    return found
