"""What follows from the end of a step run: successors become ready, or the rest of the plan is stopped."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from executions.states import StepStatus
from safety.sql import Row, fetch, fetch_one


@dataclass(frozen=True)
class Ready:
    """A step run that a worker may now claim."""

    step_run_id: UUID
    queue: str
    priority: int


# Close a step that is over, and open each successor that waited for nothing else. A run is skipped when a
# predecessor failed on its own target, or, where the predecessor had another target, failed anywhere.
_ADVANCE: LiteralString = """
WITH over AS (
    UPDATE opsc_step SET closed = true
    WHERE execution_id = %(execution)s AND id = ANY(%(steps)s) AND remaining = 0 AND NOT closed
    RETURNING execution_id, successors
), told AS (
    SELECT position, count(*)::int AS times FROM over, unnest(over.successors) AS position GROUP BY position
), opened AS (
    UPDATE opsc_step s SET waits_on = s.waits_on - told.times FROM told
    WHERE s.execution_id = %(execution)s AND s.position = told.position
    RETURNING s.id, s.waits_on, s.max_parallel, s.predecessors
), blocked AS (
    SELECT r.id FROM opened o JOIN opsc_step_run r ON r.step_id = o.id AND r.status = 'pending'
    WHERE %(troubled)s AND o.waits_on = 0 AND EXISTS (
        SELECT FROM opsc_step p JOIN opsc_step_run q ON q.step_id = p.id
        WHERE p.execution_id = %(execution)s AND p.position = ANY(o.predecessors) AND q.status <> 'succeeded'
          AND q.category <> 'skipped_by_person'
          AND (q.asset_id = r.asset_id OR NOT EXISTS (
              SELECT FROM opsc_step_run own WHERE own.step_id = p.id AND own.asset_id = r.asset_id)))
), skipped AS (
    UPDATE opsc_step_run r SET status = 'skipped', finished_at = statement_timestamp(),
           category = 'dependency', detail = 'a step that it depends on did not succeed'
    FROM blocked WHERE r.id = blocked.id RETURNING r.id, r.tenant_id, r.execution_id, r.step_id
), started AS (
    UPDATE opsc_step_run r SET status = 'ready', ready_at = statement_timestamp()
    FROM opened o CROSS JOIN LATERAL (
        SELECT x.id FROM opsc_step_run x
        WHERE x.step_id = o.id AND x.status = 'pending' AND NOT EXISTS (SELECT FROM blocked b WHERE b.id = x.id)
        ORDER BY x.id LIMIT o.max_parallel) candidate
    WHERE o.waits_on = 0 AND r.id = candidate.id
    RETURNING r.id, r.tenant_id, r.execution_id, r.step_id, r.queue, r.priority
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, data)
    SELECT tenant_id, execution_id, id, 'step.skipped', 'pending', 'skipped', 'system', '{}'::jsonb FROM skipped
    UNION ALL
    SELECT tenant_id, execution_id, id, 'step.ready', 'pending', 'ready', 'system', '{}'::jsonb FROM started
)
SELECT id, step_id, queue, priority, true AS ready FROM started
UNION ALL SELECT id, step_id, '', 0, false FROM skipped
"""

_TOP_UP: LiteralString = """
WITH started AS (
    UPDATE opsc_step_run SET status = 'ready', ready_at = statement_timestamp()
    WHERE id = (SELECT id FROM opsc_step_run WHERE step_id = %(step)s AND status = 'pending'
                ORDER BY id LIMIT 1 FOR UPDATE)
    RETURNING id, tenant_id, execution_id, queue, priority
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, data)
    SELECT tenant_id, execution_id, id, 'step.ready', 'pending', 'ready', 'system', '{}'::jsonb FROM started
)
SELECT id, queue, priority FROM started
"""

# Rows that a claim holds at this moment are left alone: the claim sees the wish, or the sweeper comes back.
_STOP_REST: LiteralString = """
WITH waiting AS (
    SELECT id, status FROM opsc_step_run
    WHERE execution_id = %(execution)s AND status IN ('pending', 'ready', 'retrying')
      AND NOT (resume AND status = 'ready')
    ORDER BY id FOR UPDATE SKIP LOCKED
), stopped AS (
    UPDATE opsc_step_run r SET status = %(status)s, finished_at = statement_timestamp(),
           category = %(category)s, not_before = NULL, waiting_for = '', waits_for_assets = NULL
    FROM waiting w WHERE r.id = w.id
    RETURNING r.id, r.tenant_id, r.execution_id, r.step_id, w.status AS was
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, actor,
                            data)
    SELECT s.tenant_id, s.execution_id, s.id, 'step.' || %(status)s, s.was, %(status)s,
           coalesce(nullif(e.cancel_actor_kind, ''), 'system'), e.cancel_actor,
           opsc_why(cancel_requested_at, cancel_kind, cancel_reason, cancel_actor)
    FROM stopped s JOIN opsc_execution e ON e.id = s.execution_id
)
SELECT id, step_id FROM stopped
"""

_COUNT: LiteralString = """
WITH per_step AS (
    SELECT id, count(*)::int AS runs FROM unnest(%(steps)s::bigint[]) AS id GROUP BY id
), barrier AS (
    UPDATE opsc_step s SET remaining = s.remaining - per_step.runs FROM per_step WHERE s.id = per_step.id
    RETURNING s.id, s.remaining
), counted AS (
    UPDATE opsc_execution e SET
        open_runs = e.open_runs - %(runs)s,
        succeeded_runs = e.succeeded_runs + %(succeeded)s, failed_runs = e.failed_runs + %(failed)s,
        skipped_runs = e.skipped_runs + %(skipped)s, cancelled_runs = e.cancelled_runs + %(cancelled)s,
        (status, finished_at, blocks_repeats) = (
            SELECT n.status, CASE WHEN n.over THEN statement_timestamp() END, e.blocks_repeats AND NOT n.repeatable
            FROM opsc_end_of(e.status, e.open_runs - %(runs)s, e.succeeded_runs + %(succeeded)s,
                e.failed_runs + %(failed)s, e.timed_out_runs, e.cancelled_runs + %(cancelled)s,
                e.skipped_runs + %(skipped)s, e.aborted, e.cancel_kind) n)
    FROM opsc_execution was WHERE e.id = %(execution)s AND was.id = e.id
    RETURNING e.*, was.status AS was
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, type, from_status, to_status, actor_kind, actor, trace_id,
                            data)
    SELECT tenant_id, id, 'execution.' || status, was, status, coalesce(nullif(cancel_actor_kind, ''), 'system'),
           cancel_actor, trace_id, opsc_why(cancel_requested_at, cancel_kind, cancel_reason, cancel_actor)
           || CASE WHEN status = 'timed_out' THEN jsonb_build_object('policy', policy, 'limit_s', limit_s,
                'spent_s', round(spent_s::numeric, 3), 'reason', status_reason) ELSE '{}'::jsonb END
    FROM counted WHERE finished_at IS NOT NULL AND was <> status
)
SELECT counted.status, (SELECT array_agg(id) FROM barrier WHERE remaining = 0) AS over FROM counted
"""


def settle(
    execution_id: UUID, *, step_ids: list[int], troubled: bool, top_up: int | None = None
) -> list[Ready]:
    """Draw the consequences of steps that may be over, inside the caller's transaction.

    The caller's transaction has locked the execution's row. `top_up` is a step with a limit on parallel runs
    of which one just ended. Returns: what became ready.
    """
    ready: list[Ready] = []
    while step_ids:
        rows = fetch(_ADVANCE, {"execution": execution_id, "steps": step_ids, "troubled": troubled})
        ready += [_ready(row) for row in rows if row["ready"]]
        skipped = [row["step_id"] for row in rows if not row["ready"]]
        step_ids = count_ended(execution_id, StepStatus.SKIPPED, skipped)
    if top_up is not None:
        ready += [_ready(row) for row in fetch(_TOP_UP, {"step": top_up})]
    return ready


def stop_rest(execution_id: UUID, status: StepStatus, category: str) -> int:
    """Skip or cancel every step run that has not begun, in the caller's transaction; how many.

    A run that waits for being re-attached is left: its process may be alive and has to be ended by a worker.
    """
    parameters = {"execution": execution_id, "status": status, "category": category}
    stopped = fetch(_STOP_REST, parameters)
    count_ended(execution_id, status, [row["step_id"] for row in stopped])
    return len(stopped)


def count_ended(execution_id: UUID, status: StepStatus, step_ids: list[int]) -> list[int]:
    """Account for step runs that ended without a claim: the id of its step for each. Returns: steps now over."""
    if not step_ids:
        return []
    runs = len(step_ids)
    by_status = {name: runs * (status == name) for name in ("succeeded", "failed", "skipped", "cancelled")}
    row = fetch_one(_COUNT, {"execution": execution_id, "steps": step_ids, "runs": runs, **by_status})
    return list(row["over"] or []) if row else []


def _ready(row: Row) -> Ready:
    return Ready(row["id"], row["queue"], row["priority"])
