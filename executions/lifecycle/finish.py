"""Record how an attempt ended, through the claim that it began with or not at all."""

import json
from dataclasses import dataclass, field
from typing import Any, LiteralString

from django.db import transaction

from executions.lifecycle.claim import ClaimedStep
from executions.lifecycle.effects import ends_effect
from executions.lifecycle.release import release_and_wake
from executions.lifecycle.settle import Ready, settle, stop_rest
from executions.lifecycle.violation import record_violation
from executions.states import TERMINAL_EXECUTION, StepStatus
from safety import leases
from safety.context import AssetTaken, LeaseLost, Outcome, OutcomeStatus
from safety.sql import Row, fetch_one

# The execution's row before the step's, as everywhere: that is why `barrier` refers to `counted`.
# Step run, barrier, counters, end of the execution and history in one statement: the happy end of most steps.
_END: LiteralString = (
    """
WITH done AS (
    UPDATE opsc_step_run SET
        status = %(status)s, finished_at = statement_timestamp(), exit_code = %(exit_code)s,
        category = %(category)s, detail = left(%(detail)s, 2000), summary = left(%(summary)s, 10240),
        stop_confirmed = %(stop_confirmed)s, resume = false, verify_first = false
    WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
      AND (%(asset_token)s::bigint IS NULL OR EXISTS (
          SELECT FROM opsc_lease l WHERE l.lockable_id = asset_id AND l.token = %(asset_token)s
            AND l.execution_id = opsc_step_run.execution_id))
    RETURNING id, execution_id, tenant_id, step_id, attempt
), counted AS (
    UPDATE opsc_execution e SET
        open_runs = e.open_runs - 1, succeeded_runs = e.succeeded_runs + %(succeeded)s,
        failed_runs = e.failed_runs + %(failed)s, timed_out_runs = e.timed_out_runs + %(timed_out)s,
        cancelled_runs = e.cancelled_runs + %(cancelled)s, aborted = e.aborted OR %(aborts)s,
        status_reason = CASE WHEN e.status_reason = '' THEN left(%(reason)s, 500) ELSE e.status_reason END,
        (status, finished_at, blocks_repeats) = (
            SELECT n.status, CASE WHEN n.over THEN statement_timestamp() END, e.blocks_repeats AND NOT n.repeatable
            FROM opsc_end_of(e.status, e.open_runs - 1, e.succeeded_runs + %(succeeded)s,
                e.failed_runs + %(failed)s, e.timed_out_runs + %(timed_out)s, e.cancelled_runs + %(cancelled)s,
                e.skipped_runs, e.aborted OR %(aborts)s, e.cancel_kind) n)
    FROM done WHERE e.id = done.execution_id
    RETURNING e.*
), barrier AS (
    UPDATE opsc_step s SET remaining = s.remaining - 1 FROM done, counted WHERE s.id = done.step_id
    RETURNING s.remaining
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status,
                            actor_kind, actor, trace_id, data)
    SELECT done.tenant_id, done.execution_id, done.id, 'step.' || %(status)s, 'running', %(status)s, 'worker',
           %(worker)s, %(trace)s,
           jsonb_build_object('attempt', %(attempt)s::int, 'category', %(category)s::text) || %(stopped)s::jsonb
               || CASE WHEN %(cancelled)s = 0 THEN '{}'::jsonb
                  ELSE opsc_why(cancel_requested_at, cancel_kind, cancel_reason, cancel_actor) END
               || CASE WHEN %(status)s = 'timed_out'
                       THEN jsonb_build_object('policy', %(policy)s::text, 'detail', left(%(detail)s, 500))
                       ELSE '{}'::jsonb END
    FROM done CROSS JOIN counted
    UNION ALL
    SELECT tenant_id, id, NULL, 'execution.' || status, 'running', status, 'worker', %(worker)s, trace_id,
           opsc_why(cancel_requested_at, cancel_kind, cancel_reason, cancel_actor)
           || CASE WHEN status = 'timed_out' THEN jsonb_build_object('policy', policy, 'limit_s', limit_s,
                'spent_s', round(spent_s::numeric, 3), 'reason', status_reason) ELSE '{}'::jsonb END
    FROM counted WHERE finished_at IS NOT NULL
)"""  # noqa: S608  constants only
    + ends_effect("done", "%(status)s")
    + """
SELECT counted.status, barrier.remaining, counted.aborted, counted.cancel_requested_at IS NOT NULL AS cancelling,
       counted.succeeded_runs + counted.open_runs < counted.total_runs AS troubled
FROM counted CROSS JOIN barrier
"""
)


@dataclass(frozen=True)
class Finished:
    """What became of the execution: its status now, and the step runs that became ready."""

    execution_status: str
    ready: list[Ready] = field(default_factory=list)


def finish(step: ClaimedStep, outcome: Outcome, *, worker: str, asset_token: int | None = None) -> Finished:
    """Record the end of a step run and make its successors ready, in one transaction.

    `outcome.status` is one of succeeded, failed, cancelled, timed_out. `asset_token`: of the lease on the step's
    asset, without which nothing succeeds.

    Raises:
      LeaseLost: A newer holder exists; nothing was written.
      AssetTaken: The step ended well, but without its lease on the asset; nothing was written.
    """
    aborts = outcome.status is not OutcomeStatus.SUCCEEDED and (
        step.on_failure == "abort" or outcome.is_refusal
    )
    parameters = _parameters(step, outcome, worker=worker, aborts=aborts)
    parameters["asset_token"] = asset_token if outcome.status is OutcomeStatus.SUCCEEDED else None
    if outcome.status is OutcomeStatus.SUCCEEDED and not _has_consequences(step):
        return Finished(_end(step, parameters)["status"])
    with transaction.atomic():
        row = _end(step, parameters)
        record_violation(step, outcome.violation, worker=worker)
        if outcome.stop_confirmed is False and step.holds_something:
            leases.keep_for_review(
                step.execution_id, asset_id=step.asset_id, reason="the end of a process is not confirmed"
            )
        ready = _consequences(step, row)
        if row["status"] in TERMINAL_EXECUTION or row["troubled"] or row["cancelling"]:
            ready += release_and_wake(step.execution_id)
    return Finished(row["status"], ready)


def _has_consequences(step: ClaimedStep) -> bool:
    return bool(step.successors or step.max_parallel or step.holds_something)


def _end(step: ClaimedStep, parameters: dict[str, Any]) -> Row:
    row = fetch_one(_END, parameters)
    if row is None:
        if not leases.holds(step.execution_id, step.asset_id, parameters["asset_token"]):
            raise AssetTaken(f"{step.asset_name} was given to somebody else while the step was at work there")
        raise LeaseLost(f"step run {step.step_run_id}, token {step.token}")
    return row


def _consequences(step: ClaimedStep, row: Row) -> list[Ready]:
    if row["cancelling"]:
        stop_rest(step.execution_id, StepStatus.CANCELLED, "cancelled")
    elif row["aborted"]:
        stop_rest(step.execution_id, StepStatus.SKIPPED, "aborted")
    else:
        return settle(
            step.execution_id,
            step_ids=[step.step_id] if row["remaining"] == 0 else [],
            troubled=row["troubled"],
            top_up=step.step_id if step.max_parallel and row["remaining"] else None,
        )
    return []


def _stopped(outcome: Outcome) -> dict[str, str]:
    """Why and by whom it was stopped, for its event; nothing when it came to its own end."""
    if outcome.stopped_for is None or outcome.status is OutcomeStatus.SUCCEEDED:
        return {}
    return {"kind": outcome.stopped_for.value, "reason": outcome.detail[:500]}


def _parameters(step: ClaimedStep, outcome: Outcome, *, worker: str, aborts: bool) -> dict[str, Any]:
    status = str(outcome.status)
    return {
        "id": step.step_run_id,
        "token": step.token,
        "status": status,
        "exit_code": outcome.exit_code,
        "category": outcome.category,
        "detail": outcome.detail,
        "summary": outcome.summary,
        "stop_confirmed": outcome.stop_confirmed,
        "stopped": json.dumps(_stopped(outcome)),
        "aborts": aborts,
        "reason": f"{step.step_name or step.key}: {outcome.detail}" if aborts else "",
        "policy": step.policy,
        "worker": worker,
        "trace": step.trace_id,
        "attempt": step.attempt,
        **{name: int(status == name) for name in ("succeeded", "failed", "timed_out", "cancelled")},
    }
