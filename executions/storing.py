"""Write a new execution with its steps, step runs, approval and first events: one statement, all or nothing."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from django.conf import settings

from executions.lifecycle import Ready
from executions.new_execution import NewExecution, execution_parameters, run_parameters
from executions.states import Mode
from safety.rbac import RECORD_ALLOWED, RECORD_OVERRIDE
from safety.sql import fetch, fetch_one


@dataclass(frozen=True)
class Stored:
    """What was written: the first state, and the step runs that may be claimed."""

    status: str
    ready: list[Ready]


@dataclass(frozen=True)
class Existing:
    """The execution that already answers for an idempotency key."""

    id: UUID
    plan_hash: str
    status: str
    mode: str
    approval_level: int
    approval_hash: str


# What blocks the key, else what it is bound to although it may run again: see `opsc_earlier` in the migrations.
_EXISTING: LiteralString = """
SELECT e.id, e.plan_hash, e.status, e.mode, e.approval_level, e.approval_hash, e.stale
FROM opsc_window_begins(%(tenant)s, %(window)s) since CROSS JOIN LATERAL (
    SELECT id, plan_hash, status, mode, approval_level, approval_hash, created_at <= since AS stale, 0 AS rank
    FROM opsc_execution WHERE idempotency_key = %(key)s AND blocks_repeats
    UNION ALL
    SELECT id, plan_hash, status, mode, approval_level, approval_hash, false, 1 AS rank
    FROM opsc_execution WHERE idempotency_key = %(key)s AND NOT blocks_repeats AND created_at > since
      AND plan_hash <> %(plan_hash)s
    ORDER BY rank LIMIT 1) e
"""

_LET_GO: LiteralString = """
UPDATE opsc_execution SET blocks_repeats = false WHERE id = %(id)s AND finished_at IS NOT NULL RETURNING id
"""

# A change of the rollout locks the tenant's row: here it is waited for, and then seen.
_STORE: LiteralString = (
    """
WITH decided AS MATERIALIZED (
    SELECT id FROM opsc_tenant WHERE id = %(tenant)s AND rollout_version = %(rollout_version)s FOR KEY SHARE
), execution AS (
    INSERT INTO opsc_execution (
        id, tenant_id, requested_by_id, retry_of_id, name, plan, plan_hash, approval_hash, approval_level,
        idempotency_key, status, mode, sla, action_class, environment, priority, fail_when_busy, max_wait_s,
        changes_assets, shares_assets, resources, touches, estimate_s, policy, step_limit_s, limit_s,
        lease_limit_s, attempt_limit, total_runs, open_runs, shadow, trace_id, api_token_id, answers_for_it_id,
        queued_at)
    SELECT
        %(id)s, %(tenant)s, %(user)s, coalesce(%(retry_of)s::uuid, f.id), %(name)s, %(plan)s,
        %(plan_hash)s, %(approval_hash)s, %(approval_level)s, %(key)s, %(status)s, %(mode)s, %(sla)s,
        %(action_class)s, %(environment)s, %(priority)s, %(fail_when_busy)s, %(max_wait)s,
        %(changes_assets)s::jsonb, %(shares_assets)s::jsonb, %(resources)s::jsonb, %(touches)s::text[],
        %(estimate)s, %(policy)s, %(step_s)s, %(execution_s)s, %(lease_s)s, %(attempts)s, %(total)s, %(total)s,
        %(shadow)s, %(trace)s, %(token)s, (SELECT owner_id FROM opsc_service_account WHERE user_id = %(user)s),
        CASE WHEN %(status)s = 'queued' THEN statement_timestamp() END
    FROM decided CROSS JOIN opsc_earlier(%(key)s, %(tenant)s, %(plan_hash)s, %(window)s) f
    ON CONFLICT (idempotency_key) WHERE blocks_repeats DO NOTHING
    RETURNING id, tenant_id, status, approval_level, approval_hash
), step AS (
    INSERT INTO opsc_step (
        execution_id, position, key, name, kind, spec, action_class, effect, survives_worker, on_failure,
        timeout_s, retries, max_parallel, estimate_s, predecessors, successors, gated, waits_on, remaining)
    SELECT execution.id, s.* FROM execution, jsonb_to_recordset(%(steps)s::jsonb) AS s (
        position int, key text, name text, kind text, spec jsonb, action_class text, effect text,
        survives_worker boolean, on_failure text, timeout_s float, retries int, max_parallel int,
        estimate_s float, predecessors int[], successors int[], gated boolean, waits_on int, remaining int)
    RETURNING id, position, waits_on, max_parallel
), run AS (
    INSERT INTO opsc_step_run (
        id, tenant_id, execution_id, step_id, asset_id, position, status, queue, priority, attempt_limit, ready_at)
    SELECT r.id, execution.tenant_id, execution.id, step.id, r.asset, r.position,
           CASE WHEN begins.now THEN 'ready' ELSE 'pending' END, %(queue)s, %(priority)s, r.attempts,
           CASE WHEN begins.now THEN statement_timestamp() END
    FROM execution
    CROSS JOIN unnest(%(run_ids)s::uuid[], %(run_positions)s::int[], %(run_assets)s::uuid[],
                      %(run_numbers)s::int[], %(run_attempts)s::int[]) AS r(id, position, asset, number, attempts)
    JOIN step ON step.position = r.position
    CROSS JOIN LATERAL (SELECT step.waits_on = 0 AND execution.status <> 'pending_approval'
                               AND r.number < coalesce(step.max_parallel, r.number + 1) AS now) begins
    RETURNING id, queue, priority, status
), approval AS (
    INSERT INTO opsc_approval (tenant_id, execution_id, level, approval_hash, policy, quorum, groups, status,
                               expires_at, decided_by_id, decided_at, comment, signed_in_with)
    SELECT tenant_id, id, approval_level, approval_hash, %(approval_policy)s, %(quorum)s, %(groups)s::text[],
           %(approval)s, statement_timestamp() + make_interval(secs => %(approval_s)s),
           CASE WHEN %(confirmed)s THEN %(user)s END, CASE WHEN %(confirmed)s THEN statement_timestamp() END,
           %(comment)s, ''
    FROM execution WHERE approval_level > 0
), decision AS ("""  # noqa: S608  constants only
    + RECORD_ALLOWED
    + """
), override AS ("""
    + RECORD_OVERRIDE
    + """
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, type, to_status, actor_kind, actor, trace_id, data)
    SELECT tenant_id, id, h.type, h.status, 'user', %(user_name)s, %(trace)s, h.data
    FROM execution, jsonb_to_recordset(%(events)s::jsonb) AS h (type text, status text, data jsonb)
)
SELECT execution.status, run.id, run.queue, run.priority
FROM execution LEFT JOIN run ON run.status = 'ready'
"""
)


def existing(key: str, *, plan_hash: str, tenant_id: int) -> Existing | None:
    """The execution that answers for the key; one that ended before the window lets go of it."""
    parameters = {"key": key, "plan_hash": plan_hash, "tenant": tenant_id, "window": _window_s()}
    row = fetch_one(_EXISTING, parameters)
    if row is None:
        return None
    if row.pop("stale") and fetch(_LET_GO, {"id": row["id"]}):
        return None
    return Existing(**row)


def store(new: NewExecution) -> Stored | None:
    """Write everything, or nothing (None) when another execution took the idempotency key, or the rollout changed.

    Where an earlier execution of the key failed, was cancelled or the like, the new one points at it.
    """
    rows = fetch(_STORE, execution_parameters(new, _window_s()) | run_parameters(new))
    if not rows:
        return None
    ready = [Ready(row["id"], row["queue"], row["priority"]) for row in rows if row["id"] is not None]
    in_queue = ready if new.mode is Mode.BACKGROUND else []
    return Stored(rows[0]["status"], in_queue)


def _window_s() -> float:
    """The setting, for tenants without a window of their own."""
    return float(settings.OPSC["IDEMPOTENCY_WINDOW_S"])
