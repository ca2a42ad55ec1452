"""Put on record how the clean-up of a stopped step went, through its claim."""

from typing import LiteralString

from executions.lifecycle.put_back import Attempt
from safety.context import LeaseLost
from safety.sql import fetch_one

_RECORD: LiteralString = """
WITH told AS (
    UPDATE opsc_step_run SET cleaned_up = %(done)s, cleanup_detail = left(%(detail)s, 500)
    WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
    RETURNING id, tenant_id, execution_id, attempt
), letter AS (
    INSERT INTO opsc_dead_letter (tenant_id, execution_id, step_run_id, category, reason, attempts, worker,
                                  closed_by, resolution)
    SELECT tenant_id, execution_id, id, 'cleanup', left('clean-up: ' || %(detail)s, 2000), attempt, %(worker)s, '', ''
    FROM told WHERE NOT %(done)s
    ON CONFLICT DO NOTHING
)
INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, actor_kind, actor, trace_id, data)
SELECT tenant_id, execution_id, id, CASE WHEN %(done)s THEN 'step.cleaned_up' ELSE 'step.cleanup_failed' END,
       'worker', %(worker)s, %(trace)s, jsonb_build_object('attempt', attempt, 'detail', %(detail)s::text)
FROM told RETURNING step_run_id
"""


def record_clean_up(step: Attempt, *, done: bool, detail: str, worker: str) -> None:
    """Write result and event, and a dead letter where it failed. Raises LeaseLost."""
    parameters = {
        "id": step.step_run_id,
        "token": step.token,
        "done": done,
        "detail": detail,
        "worker": worker,
        "trace": step.trace_id,
    }
    if fetch_one(_RECORD, parameters) is None:
        raise LeaseLost(f"step run {step.step_run_id}, token {step.token}")
