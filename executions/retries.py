"""Step runs whose time to try again has come."""

from typing import LiteralString
from uuid import UUID

from executions.lifecycle import Ready
from safety.sql import fetch

_DUE: LiteralString = """
WITH due AS (
    SELECT id FROM opsc_step_run WHERE status = 'retrying' AND not_before <= statement_timestamp()
      AND (%(execution)s::uuid IS NULL OR execution_id = %(execution)s)
    ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
), again AS (
    UPDATE opsc_step_run r SET status = 'ready', ready_at = statement_timestamp(), not_before = NULL
    FROM due WHERE r.id = due.id
    RETURNING r.id, r.queue, r.priority, r.tenant_id, r.execution_id
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, data)
    SELECT tenant_id, execution_id, id, 'step.ready', 'retrying', 'ready', 'system', '{}'::jsonb FROM again
)
SELECT id, queue, priority FROM again
"""


def make_due_ready(execution_id: UUID | None = None) -> list[Ready]:
    """Make what is due ready again, of one execution or of all. Returns: what may be claimed now."""
    return [
        Ready(row["id"], row["queue"], row["priority"]) for row in fetch(_DUE, {"execution": execution_id})
    ]
