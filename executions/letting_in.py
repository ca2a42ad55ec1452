"""A step that was let in and has not begun: how long that counts, and whether who let it in still may."""

from typing import LiteralString

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from executions import backing, lifecycle
from executions.lifecycle import By
from executions.models import StepGate
from safety.sql import fetch, fetch_one

TOO_LATE = "it was let in and did not begin in time"

_UNUSED: LiteralString = """
SELECT g.id FROM opsc_step_gate g JOIN opsc_execution e ON e.id = g.execution_id
WHERE g.status = 'approved' AND g.used_at IS NULL
  AND e.finished_at IS NULL AND e.cancel_requested_at IS NULL AND NOT e.aborted
ORDER BY g.id LIMIT 500
"""

# One of these two comes first, and the other then finds nothing.
_USE: LiteralString = """
UPDATE opsc_step_gate SET used_at = coalesce(used_at, statement_timestamp())
WHERE step_id = %(step)s AND status = 'approved' AND (used_at IS NOT NULL OR expires_at > statement_timestamp())
RETURNING id
"""
_REOPEN: LiteralString = """
WITH given AS (
    UPDATE opsc_approval_vote v SET decision = 'withdrawn' FROM opsc_step_gate g
    WHERE g.id = %(id)s AND g.status = 'approved' AND g.used_at IS NULL AND v.gate_id = g.id AND v.decision = 'approved'
), links AS (
    UPDATE opsc_approval_link l SET used_at = statement_timestamp() FROM opsc_step_gate g
    WHERE g.id = %(id)s AND g.status = 'approved' AND g.used_at IS NULL AND l.gate_id = g.id AND l.used_at IS NULL
)
UPDATE opsc_step_gate g SET status = 'requested', requested_at = statement_timestamp(),
       expires_at = statement_timestamp() + coalesce(
           (SELECT a.expires_at - a.requested_at FROM opsc_approval a WHERE a.execution_id = g.execution_id),
           interval '1 hour'),
       reminded = 0, gate_hash = '', decided_by_id = NULL, decided_at = NULL, comment = '', signed_in_with = '',
       signed_in_at = NULL, address = NULL
WHERE g.id = %(id)s AND g.status = 'approved' AND g.used_at IS NULL RETURNING g.expires_at
"""


def use(step_id: int) -> bool:
    """A step run of the step begins now, on one target: from now on the gate stays open. Returns: whether it may."""
    return fetch_one(_USE, {"step": step_id}) is not None


def reopen_due() -> int:
    """Ask again for the steps whose letting in counts no more. Returns: how many."""
    unused = [row["id"] for row in fetch(_UNUSED)]
    return sum(bool(taken_back(gate)) for gate in _gates(Q(pk__in=unused)))


def withdrawn(step_id: int) -> str:
    """Why the step, which was let in, may not begin now; it is then asked for again. Empty when it may."""
    for gate in _gates(Q(step_id=step_id)):
        return "it has to be let in again" if gate.status == StepGate.Status.REQUESTED else taken_back(gate)
    return ""


def taken_back(gate: StepGate) -> str:
    """Ask for the step again where its letting in counts no more. Returns: why; empty when it stands or began."""
    why = _lapsed(gate)
    if not why:
        return ""
    with transaction.atomic():
        row = fetch_one(_REOPEN, {"id": gate.pk})
        if row is None:
            return ""
        lifecycle.record(
            "approval.requested",
            tenant_id=gate.tenant_id,
            execution_id=gate.execution_id,
            by=By.system(),
            trace_id=gate.execution.trace_id,
            data={"level": 3, "step": gate.step.key, "until": row["expires_at"].isoformat(), "why": why},
        )
    return why


def _gates(which: Q) -> list[StepGate]:
    gates = StepGate.objects.filter(which).select_related("execution", "step", "decided_by")
    return list(gates.defer("execution__plan").annotate(late=Q(expires_at__lte=Now())).order_by("pk"))


def _lapsed(gate: StepGate) -> str:
    if gate.status != StepGate.Status.APPROVED or gate.used_at is not None:
        return ""
    if gate.late:
        return TOO_LATE
    return backing.step_objection(gate)
