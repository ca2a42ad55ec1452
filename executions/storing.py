"""Write a new execution with its steps, step runs, approval and first events: one statement, all or nothing."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

from django.conf import settings

from executions.connectors.registry import connector_for
from executions.lifecycle import Ready
from executions.plans import FrozenPlan
from executions.states import ExecutionStatus, Mode
from safety.rbac import RECORD_ALLOWED, RECORD_OVERRIDE
from safety.sql import fetch, fetch_one
from safety.timeouts import AppliedPolicy


@dataclass(frozen=True, kw_only=True)
class NewExecution:
    """An execution about to be stored.

    confirmed: its requester confirms it (level 1). again: although the same plan ran a short while ago.
    override: what its requester let through as no secret, for the history; None when there was nothing. shadow: it
    touches no target.
    """

    id: UUID
    frozen: FrozenPlan
    tenant_id: int
    user_id: int
    user_name: str
    policy: AppliedPolicy
    idempotency_key: str
    mode: Mode
    retry_of: UUID | None
    confirmed: bool
    again: bool = False
    override: Mapping[str, Any] | None = None
    shadow: bool = False

    @property
    def status(self) -> ExecutionStatus:
        """The state it begins in."""
        if self.frozen.approval_level and not self.confirmed:
            return ExecutionStatus.PENDING_APPROVAL
        return ExecutionStatus.APPROVED if self.mode is Mode.IMMEDIATE else ExecutionStatus.QUEUED


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

_STORE: LiteralString = (
    """
WITH execution AS (
    INSERT INTO opsc_execution (
        id, tenant_id, requested_by_id, retry_of_id, name, plan, plan_hash, approval_hash, approval_level,
        idempotency_key, status, mode, sla, action_class, environment, priority, fail_when_busy, max_wait_s,
        changes_assets, shares_assets, resources, touches, estimate_s, policy, step_limit_s, limit_s,
        lease_limit_s, attempt_limit, total_runs, open_runs, shadow, trace_id, queued_at)
    SELECT
        %(id)s, %(tenant)s, %(user)s, coalesce(%(retry_of)s::uuid, f.id), %(name)s, %(plan)s,
        %(plan_hash)s, %(approval_hash)s, %(approval_level)s, %(key)s, %(status)s, %(mode)s, %(sla)s,
        %(action_class)s, %(environment)s, %(priority)s, %(fail_when_busy)s, %(max_wait)s,
        %(changes_assets)s::jsonb, %(shares_assets)s::jsonb, %(resources)s::jsonb, %(touches)s::text[],
        %(estimate)s, %(policy)s, %(step_s)s, %(execution_s)s, %(lease_s)s, %(attempts)s, %(total)s, %(total)s,
        %(shadow)s, %(trace)s, CASE WHEN %(status)s = 'queued' THEN statement_timestamp() END
    FROM opsc_earlier(%(key)s, %(tenant)s, %(plan_hash)s, %(window)s) f
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
    INSERT INTO opsc_approval (tenant_id, execution_id, level, approval_hash, policy, quorum, status, expires_at,
                               decided_by_id, decided_at, comment, signed_in_with)
    SELECT tenant_id, id, approval_level, approval_hash, %(approval_policy)s, %(quorum)s, %(approval)s,
           statement_timestamp() + make_interval(secs => %(approval_s)s),
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
    """Write everything, or nothing when another execution took the idempotency key first (None).

    Where an earlier execution of the key failed, was cancelled or the like, the new one points at it.
    """
    rows = fetch(_STORE, _execution_parameters(new) | _run_parameters(new))
    if not rows:
        return None
    ready = [Ready(row["id"], row["queue"], row["priority"]) for row in rows if row["id"] is not None]
    in_queue = ready if new.mode is Mode.BACKGROUND else []
    return Stored(rows[0]["status"], in_queue)


def _window_s() -> float:
    """The setting, for tenants without a window of their own."""
    return float(settings.OPSC["IDEMPOTENCY_WINDOW_S"])


def _execution_parameters(new: NewExecution) -> dict[str, Any]:
    frozen, policy = new.frozen, new.policy
    return {
        "id": new.id,
        "tenant": new.tenant_id,
        "user": new.user_id,
        "user_name": new.user_name,
        "retry_of": new.retry_of,
        "name": frozen.name,
        "plan": frozen.canonical.decode(),
        "plan_hash": frozen.plan_hash,
        "approval_hash": frozen.approval_hash,
        "approval_level": frozen.approval_level,
        "key": new.idempotency_key,
        "window": _window_s(),
        "events": json.dumps(_events(new)),
        "status": new.status.value,
        "mode": new.mode.value,
        "sla": frozen.sla.value,
        "action_class": frozen.action_class.value,
        "environment": frozen.environment.value,
        "touches": [f"{environment}:{action}" for environment, action in frozen.touches],
        "priority": frozen.priority,
        "fail_when_busy": frozen.on_busy == "fail",
        "max_wait": frozen.max_wait_s,
        "changes_assets": json.dumps([str(asset) for asset in frozen.changes_assets]),
        "shares_assets": json.dumps([str(asset) for asset in frozen.shares_assets]),
        "resources": json.dumps({str(key): quantity for key, quantity in frozen.resources}),
        "estimate": frozen.estimate_s,
        "policy": policy.name,
        "step_s": policy.step_s,
        "execution_s": policy.execution_s + _waits_s(frozen),
        "lease_s": policy.lease_s,
        "attempts": policy.attempts,
        "approval_policy": frozen.approval_policy,
        "quorum": frozen.approval_quorum,
        "approval_s": min(policy.approval_s, frozen.approval_s or policy.approval_s),
        "total": frozen.step_run_count,
        "shadow": new.shadow,
        "trace": uuid4().hex,
        "queue": "immediate" if new.mode is Mode.IMMEDIATE else frozen.sla.value,
        "confirmed": new.confirmed,
        "override": None if new.override is None else json.dumps(new.override),
        "approval": "approved" if new.confirmed else "requested",
        "comment": "confirmed at submission" if new.confirmed else "",
    }


def _events(new: NewExecution) -> list[dict[str, Any]]:
    """The first events, in their order."""
    frozen = new.frozen
    created = {"plan_hash": frozen.plan_hash} | ({"again": True} if new.again else {})
    events: list[dict[str, Any]] = [
        {"type": "execution.created", "status": new.status.value, "data": created}
    ]
    if frozen.approval_level:
        told: dict[str, Any] = {"level": frozen.approval_level, "hash": frozen.approval_hash}
        told["policy"] = frozen.approval_policy
        type_ = "approval.approved" if new.confirmed else "approval.requested"
        events.append({"type": type_, "status": "", "data": told})
    if new.override is not None:
        events.append({"type": "secret.override", "status": "", "data": dict(new.override)})
    return events


def _waits_s(frozen: FrozenPlan) -> int:
    """Seconds that the plan itself asks to wait; they are no part of the policy's limit for work."""
    seconds = [float(step.spec["with"]["seconds"]) for step in frozen.steps if step.kind == "wait"]
    return math.ceil(sum(seconds))


def _run_parameters(new: NewExecution) -> dict[str, Any]:
    frozen = new.frozen
    followers: dict[int, list[int]] = {step.position: [] for step in frozen.steps}
    for step in frozen.steps:
        for before in step.depends_on:
            followers[before].append(step.position)
    runs = [
        (uuid4(), step.position, target, number, max(step.retries + 1, new.policy.attempts))
        for step in frozen.steps
        for number, target in enumerate(step.targets)
    ]
    gated = frozen.gated_steps()
    ids, positions, assets, numbers, attempts = (list(column) for column in zip(*runs, strict=True))
    steps = [
        {
            "position": step.position,
            "key": step.id,
            "name": step.name,
            "kind": step.kind,
            "spec": step.spec,
            "action_class": step.action_class,
            "effect": step.effect,
            "survives_worker": connector_for(step.kind, "local").survives_worker,
            "on_failure": step.on_failure,
            "timeout_s": step.timeout_s,
            "retries": step.retries,
            "max_parallel": step.max_parallel,
            "estimate_s": step.estimate_s,
            "predecessors": step.depends_on,
            "successors": followers[step.position],
            "gated": step.position in gated,
            "waits_on": len(step.depends_on),
            "remaining": len(step.targets),
        }
        for step in frozen.steps
    ]
    return {
        "steps": json.dumps(steps),
        "run_ids": ids,
        "run_positions": positions,
        "run_assets": assets,
        "run_numbers": numbers,
        "run_attempts": attempts,
    }
