"""A person decides about a step run whose outcome nobody knows."""

from typing import LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import dispatch, lifecycle
from executions.errors import Conflict, NotFound, Refused
from executions.lifecycle import By, Ready
from executions.models import StepRun
from executions.rights import records_refusals, require
from executions.states import ExecutionStatus, StepStatus
from safety.masking.typed import words_of
from safety.sql import fetch, fetch_one

DECISIONS = {
    "succeeded": StepStatus.SUCCEEDED,
    "retry": StepStatus.READY,
    "skip": StepStatus.SKIPPED,
    "abort": StepStatus.FAILED,
}

NEEDS_A_RUNNER = "Deciding about an unknown outcome needs the role operator or tenant admin."

_DECIDE: LiteralString = (
    """
WITH decided AS (
    UPDATE opsc_step_run SET
        status = %(to)s, resume = false, verify_first = false,
        finished_at = CASE WHEN %(to)s <> 'ready' THEN statement_timestamp() END,
        category = CASE %(decision)s WHEN 'skip' THEN 'skipped_by_person' WHEN 'retry' THEN '' ELSE 'resolved' END,
        detail = left(%(detail)s, 2000), crashes = 0,
        ready_at = CASE WHEN %(to)s = 'ready' THEN statement_timestamp() ELSE ready_at END,
        attempt_limit = attempt_limit + CASE WHEN %(to)s = 'ready' THEN 1 ELSE 0 END,
        queue = CASE WHEN queue = 'immediate'
                     THEN (SELECT sla FROM opsc_execution e WHERE e.id = execution_id) ELSE queue END
    WHERE id = %(id)s AND status = 'interrupted'
    RETURNING id, tenant_id, execution_id, step_id, queue, priority, attempt
), letter AS (
    UPDATE opsc_dead_letter d SET closed_at = statement_timestamp(), closed_by = %(actor)s,
           resolution = left(%(detail)s, 300)
    FROM decided WHERE d.step_run_id = decided.id AND d.closed_at IS NULL
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind,
                            actor, data)
    SELECT tenant_id, execution_id, id, 'step.resolved', 'interrupted', %(to)s, 'user', %(actor)s,
           jsonb_build_object('decision', %(decision)s::text, 'reason', %(detail)s::text)
    FROM decided
)"""  # noqa: S608  constants only
    + lifecycle.ends_effect("decided", "'decided_' || %(decision)s")
    + """
SELECT id, step_id, queue, priority FROM decided
"""
)

# At level 3 what is done once more is let in once more.
_ASK_ANEW: LiteralString = """
WITH asked AS (SELECT id FROM opsc_step_gate WHERE step_id = %(step)s),
given AS (DELETE FROM opsc_approval_vote USING asked WHERE gate_id = asked.id)
DELETE FROM opsc_step_gate USING asked WHERE opsc_step_gate.id = asked.id RETURNING opsc_step_gate.id
"""

# Why nothing of the execution begins any more; empty when it goes on.
_STOPPING: LiteralString = """
SELECT CASE WHEN cancel_requested_at IS NOT NULL THEN 'the execution is being cancelled'
            WHEN aborted THEN 'the execution was aborted' ELSE '' END AS why
FROM opsc_execution WHERE id = %(execution)s
"""

_ONE_LESS: LiteralString = """
UPDATE opsc_execution SET interrupted_runs = interrupted_runs - 1,
       aborted = aborted OR %(aborts)s, status_reason = left(%(reason)s, 500)
WHERE id = %(execution)s RETURNING interrupted_runs, status
"""


@records_refusals
def resolve(step_run_id: UUID, *, user: User, decision: str, reason: str) -> str:
    """Decide that the step succeeded, is to be retried or skipped, or that the run is aborted.

    The reason is kept in the history. Returns: the execution's status afterwards.

    Raises:
      NotFound, NotAllowed: No such step run for this person, or not theirs to decide about.
      Refused: An unknown decision, or no reason.
      Conflict: Its outcome is not unknown (any more), or it was to be retried and nothing of its execution begins
        any more.
    """
    run = StepRun.objects.visible_to(user).select_related("execution", "step").filter(pk=step_run_id).first()
    if run is None:
        raise NotFound(f"There is no step run {step_run_id}.")
    require(user, "executions.resolve_execution", run.execution, NEEDS_A_RUNNER)
    if decision not in DECISIONS:
        raise Refused(f"Unknown decision {decision[:40]!r}.", hint=f"One of: {', '.join(DECISIONS)}.")
    reason = words_of(reason)
    if not reason:
        raise Refused("A reason is needed.", hint="Say how you know what happened.")
    with transaction.atomic():
        fetch(lifecycle.LOCK, {"execution": run.execution_id})
        status, ready = _decide(run, decision, reason, By.user(user))
        dispatch.wake(ready)
    return status


def _decide(run: StepRun, decision: str, reason: str, by: By) -> tuple[str, list[Ready]]:
    to = DECISIONS[decision]
    stopping = fetch(_STOPPING, {"execution": run.execution_id})[0]["why"]
    if stopping and to is StepStatus.READY:
        raise Conflict(f"It cannot be retried: {stopping}.", hint="Choose succeeded, skip or abort.")
    decided = fetch_one(
        _DECIDE,
        {"id": run.pk, "to": to.value, "decision": decision, "detail": reason, "actor": by.name},
    )
    if decided is None:
        raise Conflict("The outcome of this step run is not unknown (any more).", hint="Look at it again.")
    execution_id, aborts = run.execution_id, decision == "abort"
    left = fetch(_ONE_LESS, {"execution": execution_id, "aborts": aborts, "reason": f"{by.name}: {reason}"})[
        0
    ]
    if left["interrupted_runs"] == 0 and left["status"] == ExecutionStatus.NEEDS_ATTENTION:
        lifecycle.end_review(execution_id)
        lifecycle.move(
            execution_id,
            from_status=ExecutionStatus.NEEDS_ATTENTION,
            to_status=ExecutionStatus.RUNNING,
            by=by,
            reason=reason,
        )
    ready = _consequences(run, to, aborts)
    ready += lifecycle.release_and_wake(execution_id)
    return run.execution.__class__.objects.values_list("status", flat=True).get(pk=execution_id), ready


def _consequences(run: StepRun, to: StepStatus, aborts: bool) -> list[Ready]:
    if to is StepStatus.READY:
        fetch(_ASK_ANEW, {"step": run.step_id})
        again = StepRun.objects.only("queue", "priority").get(pk=run.pk)
        return [Ready(run.pk, again.queue, again.priority)]
    over = lifecycle.count_ended(run.execution_id, to, [run.step_id])
    if aborts:
        lifecycle.stop_rest(run.execution_id, StepStatus.SKIPPED, "aborted")
        return []
    top_up = run.step_id if run.step.max_parallel and run.step_id not in over else None
    return lifecycle.settle(run.execution_id, step_ids=over, troubled=True, top_up=top_up)
