"""Level 3: each gated step is approved once more, right before it, for exactly what it would do."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import approvals, control, dispatch, lifecycle, voting
from executions.authority import Authority
from executions.errors import Conflict, NotFound, Refused
from executions.fresh import NOT_SAID, SignedIn, require_fresh
from executions.lifecycle import By, Ready
from executions.models import Execution, StepGate, Vote
from executions.plans.approved import gate_hash
from executions.plans.risk import STEP_BY_STEP
from executions.rights import records_refusals
from executions.voting import Tally, closed_gate
from safety.masking.typed import words_of
from safety.sql import Row, fetch, fetch_one

# Asked for as soon as a step run of it could begin; as long to answer as the execution's own approval had.
_ASK: LiteralString = """
WITH asked AS (
    INSERT INTO opsc_step_gate (tenant_id, execution_id, step_id, status, expires_at)
    SELECT e.tenant_id, e.id, s.id, 'requested', statement_timestamp() + coalesce(
               (SELECT a.expires_at - a.requested_at FROM opsc_approval a WHERE a.execution_id = e.id),
               interval '1 hour')
    FROM opsc_execution e JOIN opsc_step s ON s.execution_id = e.id AND s.gated AND NOT s.closed
    WHERE e.approval_level = 3 AND e.finished_at IS NULL AND e.status IN ('queued', 'running')
      AND e.cancel_requested_at IS NULL AND NOT e.aborted
      AND EXISTS (SELECT FROM opsc_step_run r WHERE r.step_id = s.id AND r.status = 'ready')
      AND NOT EXISTS (SELECT FROM opsc_step_gate g WHERE g.step_id = s.id)
    ORDER BY s.id LIMIT 500
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, execution_id, step_id, expires_at
)
INSERT INTO opsc_event (tenant_id, execution_id, type, actor_kind, actor, trace_id, data)
SELECT a.tenant_id, a.execution_id, 'approval.requested', 'system', 'scheduler', e.trace_id,
       jsonb_build_object('level', 3, 'step', s.key, 'until', a.expires_at)
FROM asked a JOIN opsc_step s ON s.id = a.step_id JOIN opsc_execution e ON e.id = a.execution_id
RETURNING id
"""

_OVERDUE: LiteralString = """
SELECT g.execution_id, g.step_id, s.key FROM opsc_step_gate g JOIN opsc_step s ON s.id = g.step_id
JOIN opsc_execution e ON e.id = g.execution_id AND e.finished_at IS NULL
WHERE g.status = 'requested' AND g.expires_at <= statement_timestamp() ORDER BY g.step_id LIMIT 200
"""

_EXPIRE: LiteralString = """
UPDATE opsc_step_gate SET status = 'expired', decided_at = statement_timestamp()
WHERE step_id = %(step)s AND status = 'requested' AND expires_at <= statement_timestamp() RETURNING id
"""

_STEP: LiteralString = """
SELECT s.id, s.key, s.spec, g.id AS gate FROM opsc_step s LEFT JOIN opsc_step_gate g ON g.step_id = s.id
WHERE s.execution_id = %(execution)s AND s.key = %(key)s AND s.gated
"""

# Decided by the database's clock, in the one statement that also says who came first. What is let in counts as long as
# there was time to decide.
_DECIDE: LiteralString = """
UPDATE opsc_step_gate SET status = %(to)s, decided_by_id = %(user)s, decided_at = statement_timestamp(),
       expires_at = statement_timestamp() + (expires_at - requested_at), used_at = NULL,
       comment = left(%(comment)s, 1000), signed_in_with = left(%(with)s, 80),
       signed_in_at = to_timestamp(%(at)s::float8), address = %(address)s::inet, gate_hash = %(hash)s
WHERE id = %(gate)s AND status = 'requested' AND expires_at > statement_timestamp() RETURNING id
"""

_MAY_BEGIN: LiteralString = """
SELECT id, queue, priority FROM opsc_step_run WHERE step_id = %(step)s AND status = 'ready' ORDER BY id
"""


GATES_SHOWN = 20


def waiting_gates(execution: Execution) -> list[StepGate]:
    """The first steps that wait to be let in, each with the hash of what it would do as `wanted_hash`."""
    if execution.approval_level < STEP_BY_STEP or execution.is_terminal or execution.cancel_requested_at:
        return []
    waiting = StepGate.objects.filter(execution_id=execution.pk, status=StepGate.Status.REQUESTED)
    found = list(waiting.select_related("step").order_by("step__position")[:GATES_SHOWN])
    for gate in found:
        gate.wanted_hash = gate_hash(execution.approval_hash, gate.step.key, gate.step.spec)
    return found


def waits_to_be_let_in(execution: Execution) -> str:
    """At level 3, which steps wait to be let in, as a sentence; empty when none does."""
    keys = [str(gate.step) for gate in waiting_gates(execution)]
    return f"Waits for somebody who may approve to let in: {', '.join(keys)}." if keys else ""


def ask_due() -> int:
    """Ask for the gates that steps stand before. Returns: how many."""
    return len(fetch(_ASK))


def expire_due() -> int:
    """End the executions of gates that nobody opened in time. Returns: how many gates."""
    overdue = fetch(_OVERDUE)
    for row in overdue:
        _end(row["execution_id"], row["step_id"], row["key"])
    return len(overdue)


def _end(execution_id: UUID, step_id: int, key: str) -> None:
    """The end of the gate and that of its run are one: no run is left that nobody is asked about any more."""
    with transaction.atomic():
        fetch(lifecycle.LOCK, {"execution": execution_id})
        if fetch(_EXPIRE, {"step": step_id}):
            control.cancel_for_timeout(execution_id, f"nobody approved the step {key} in time")


@records_refusals
def approve(
    execution_id: UUID,
    step_key: str,
    *,
    user: User,
    seen_hash: str,
    comment: str = "",
    signed_in: SignedIn = NOT_SAID,
) -> int:
    """Let the step begin on all its targets, for exactly what `seen_hash` stands for; the last one that it needs does.

    Returns: how many more have to let it in.

    Raises:
      NotFound: No such execution for this person, or no gated step of this name.
      NotAllowed: They asked for the run, may not approve at level 3, or (SignInAgain) signed in too long ago.
      Conflict: Another hash, not asked for yet, let in by them before, or decided, expired or cancelled.
    """
    comment = words_of(comment)
    with transaction.atomic():
        execution, _, step, gate = _asked(execution_id, step_key, user)
        require_fresh(execution.approval_level, signed_in)
        wanted = gate_hash(execution.approval_hash, step["key"], step["spec"])
        if seen_hash != wanted:
            raise Conflict(
                f"This approval is for {seen_hash[:12]}, but what would run is {wanted[:12]}.",
                hint="Look at the step again.",
            )
        tally = Tally(execution, execution.approval, gate, wanted)
        right, missing = voting.approve(tally, user, comment, signed_in)
        if missing:
            said = {"step": step["key"], "hash": wanted, "comment": comment, "missing": missing}
            _record("approval.voted", execution, user, said | right.as_data())
            return missing
        _decide(execution, step, user, StepGate.Status.APPROVED, _how(comment, signed_in, wanted), right)
        ready = fetch(_MAY_BEGIN, {"step": step["id"]})
        dispatch.wake([Ready(row["id"], row["queue"], row["priority"]) for row in ready])
        return 0


@records_refusals
def reject(
    execution_id: UUID,
    step_key: str,
    *,
    user: User,
    comment: str,
    signed_in: SignedIn = NOT_SAID,
) -> None:
    """Refuse the step; the execution is cancelled. Raises like `approve`, and Refused without a comment."""
    comment = words_of(comment)
    if not comment:
        raise Refused("A reason is needed.", hint="The requester needs to know why.")
    with transaction.atomic():
        execution, right, step, gate = _asked(execution_id, step_key, user)
        voting.cast(execution, user, Vote.Decision.REJECTED, comment, signed_in, right, gate=gate)
        _decide(execution, step, user, StepGate.Status.REJECTED, _how(comment, signed_in, ""), right)
        reason = f"the step {step['key']} was rejected: {comment}"
        control.cancel_by(execution_id, by=By.user(user), reason=reason)


def _asked(execution_id: UUID, step_key: str, user: User) -> tuple[Execution, Authority, Row, StepGate]:
    """The execution, its row locked, by whose right the person decides, the gated step, and what asks for it."""
    execution = approvals.locked(execution_id, user)
    right = approvals.require_decision(execution, user)
    step = fetch_one(_STEP, {"execution": execution_id, "key": step_key})
    if step is None:
        raise NotFound(f"There is no step {step_key[:60]!r} here that is approved by itself.")
    if execution.finished_at or execution.cancel_requested_at:
        raise Conflict("This run is over, or being cancelled.", hint="Look at the execution again.")
    gate = StepGate.objects.filter(pk=step["gate"]).first()
    if gate is None or gate.status != StepGate.Status.REQUESTED:
        raise closed_gate(gate)
    return execution, right, step, gate


def _how(comment: str, signed_in: SignedIn, seen: str) -> dict[str, Any]:
    at, address = signed_in.at, signed_in.address
    return {"comment": comment, "with": signed_in.how, "at": at, "address": address, "hash": seen}


def _decide(
    execution: Execution,
    step: Row,
    user: User,
    to: StepGate.Status,
    how: Mapping[str, Any],
    right: Authority,
) -> None:
    if not fetch(_DECIDE, {"gate": step["gate"], "user": user.pk, "to": to.value, **how}):
        raise closed_gate(StepGate.objects.filter(pk=step["gate"]).first())
    said = {"step": step["key"], "hash": how["hash"], "comment": how["comment"]}
    _record(f"approval.{to.value}", execution, user, said | right.as_data())


def _record(type_: str, execution: Execution, user: User, data: Mapping[str, Any]) -> None:
    lifecycle.record(
        type_,
        tenant_id=execution.tenant_id,
        execution_id=execution.pk,
        by=By.user(user),
        trace_id=execution.trace_id,
        data={"level": 3, **data},
    )
