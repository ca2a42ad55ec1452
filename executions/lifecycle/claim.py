"""Take the right to run one step run: from ready to running, with a lease and a fencing token."""

from dataclasses import dataclass, fields
from typing import Any, LiteralString
from uuid import UUID

from django.db import transaction

from executions.lifecycle.held import HELD
from safety import limits
from safety.leases import Want
from safety.models import LeaseMode
from safety.sql import Row, fetch, fetch_one

_READY: LiteralString = (
    """
WITH picked AS (
    SELECT r.id, e.status AS was, r.waiting_since IS NOT NULL AS waited,
           r.waits_for_assets AS waited_for,
           CASE WHEN r.waiting_since IS NULL THEN 0
                ELSE greatest(0, extract(epoch FROM statement_timestamp() - r.waiting_since)
                                 - (opsc_paused_s(e) - r.paused_before_s)) END::float AS waited_s
    FROM opsc_step_run r
    JOIN opsc_execution e ON e.id = r.execution_id
    WHERE r.status = 'ready' AND (r.not_before IS NULL OR r.not_before <= statement_timestamp())
      AND e.status IN ('approved', 'queued', 'running') AND (NOT e.aborted OR r.resume)
      AND (e.cancel_requested_at IS NULL OR r.resume)
      AND ((r.resume AND e.cancel_requested_at IS NOT NULL) OR NOT """  # noqa: S608  constants only
    + HELD
    + ")"
)

# A resumed attempt is still the same attempt: its job directory carries the number.
_TAKE: LiteralString = """
    FOR UPDATE OF r SKIP LOCKED
), claimed AS (
    UPDATE opsc_step_run r SET
        status = 'running', attempt = r.attempt + CASE WHEN r.resume THEN 0 ELSE 1 END,
        lease_token = nextval('opsc_fencing_token'),
        lease_expires_at = statement_timestamp() + make_interval(secs => %(ttl)s),
        worker = %(worker)s, begun_by = CASE WHEN r.resume THEN r.begun_by ELSE %(worker)s END,
        started_at = coalesce(r.started_at, statement_timestamp()),
        lock_wait_s = r.lock_wait_s + picked.waited_s,
        not_before = NULL, waiting_since = NULL, waiting_for = '', waits_for_assets = NULL
    FROM picked WHERE r.id = picked.id
    RETURNING r.*, picked.waited, picked.waited_for, picked.was
), begun AS (
    UPDATE opsc_execution e SET
        status = 'running', started_at = coalesce(e.started_at, statement_timestamp()), clock = 'work'
    FROM claimed c WHERE e.id = c.execution_id
      AND (e.status IN ('approved', 'queued') OR (e.clock <> 'work' AND NOT c.waited))
    RETURNING e.id, e.tenant_id, e.trace_id, e.deadline_at, c.was
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status,
                            actor_kind, actor, trace_id, data)
    SELECT b.tenant_id, b.id, NULL::uuid, 'execution.started', b.was, 'running', 'worker', %(worker)s, b.trace_id,
           '{}'::jsonb
    FROM begun b WHERE b.was <> 'running'
    UNION ALL
    SELECT c.tenant_id, c.execution_id, c.id, 'step.started', 'ready', 'running', 'worker', %(worker)s, '',
           jsonb_build_object('attempt', c.attempt, 'token', c.lease_token, 'resume', c.resume)
    FROM claimed c WHERE NOT c.waited
)
SELECT c.id AS step_run_id, c.execution_id, c.tenant_id, t.slug AS tenant_slug, t.masking_version,
       c.attempt, c.attempt_limit, extract(epoch FROM statement_timestamp() - c.started_at)::float AS tried_s,
       c.lease_token AS token, c.resume, c.verify_first, c.begun_by, c.crashes,
       c.lock_wait_s, c.waited, c.waited_for, c.queue, c.priority, c.asset_id,
       s.id AS step_id, s.execution_id AS step_of, s.key, s.name AS step_name, s.kind, s.spec,
       s.action_class, s.effect, s.on_failure, s.timeout_s, s.retries, s.max_parallel, s.successors,
       s.survives_worker, s.gated,
       e.requested_by_id, e.api_token_id, e.environment, e.changes_assets, e.shares_assets, e.resources, e.max_wait_s,
       e.policy, e.step_limit_s, e.lease_limit_s,
       e.shadow, e.approval_level, e.approval_hash, e.trace_id, e.fail_when_busy,
       e.cancel_requested_at IS NOT NULL AS cancel_requested, e.cancel_kind, e.cancel_actor, e.cancel_reason,
       e.targets_checked,
       coalesce(extract(epoch FROM coalesce(b.deadline_at, e.deadline_at) - statement_timestamp()),
                e.limit_s - e.spent_s)::float AS left_s,
       a.name AS asset_name, a.connection, a.address, a.port, a.username, a.host_keys, a.credentials,
       a.environment AS asset_environment, a.tenant_id AS asset_tenant_id,
       coalesce(a.is_active, true) AS asset_is_active
FROM claimed c
JOIN opsc_step s ON s.id = c.step_id
JOIN opsc_execution e ON e.id = c.execution_id
JOIN opsc_tenant t ON t.id = c.tenant_id
LEFT JOIN begun b ON b.id = e.id
LEFT JOIN opsc_asset a ON a.id = c.asset_id
"""

_FROM_QUEUE: LiteralString = (
    _READY + " AND r.queue = %(queue)s ORDER BY r.priority, r.ready_at LIMIT 1" + _TAKE
)
_THIS_ONE: LiteralString = _READY + " AND r.id = %(id)s" + _TAKE
_OF_EXECUTION: LiteralString = (
    _READY + " AND r.execution_id = %(execution)s ORDER BY r.position, r.ready_at LIMIT 1" + _TAKE
)


@dataclass(frozen=True, kw_only=True)
class ClaimedStep:
    """A step run that this process may run, and all that running it needs.

    token: fencing token, required in every write. left_s: seconds to the execution's deadline.
    tried_s: seconds since the first claim of the step run.
    targets_checked: whether the targets were compared with the approved ones. masking_version: of the tenant's
    masking rules. waited: it comes from waiting for assets (`waited_for`), so the execution's clock may stand still.
    shadow: it touches no target. resume: re-attach to the attempt that the worker `begun_by` began.
    step_of: the execution that its step belongs to.
    """

    step_run_id: UUID
    execution_id: UUID
    tenant_id: int
    tenant_slug: str
    masking_version: int
    attempt: int
    attempt_limit: int
    tried_s: float
    token: int
    resume: bool
    verify_first: bool
    begun_by: str
    crashes: int
    lock_wait_s: float
    waited: bool
    waited_for: list[UUID] | None
    queue: str
    priority: int
    asset_id: UUID | None
    step_id: int
    step_of: UUID
    key: str
    step_name: str
    kind: str
    spec: dict[str, Any]
    action_class: str
    effect: str
    on_failure: str
    timeout_s: float | None
    retries: int
    max_parallel: int | None
    successors: list[int]
    survives_worker: bool
    gated: bool
    requested_by_id: int
    api_token_id: int | None
    environment: str
    changes_assets: list[str]
    shares_assets: list[str]
    resources: dict[str, int]
    max_wait_s: float | None
    policy: str
    step_limit_s: int
    lease_limit_s: int
    shadow: bool
    approval_level: int
    approval_hash: str
    trace_id: str
    fail_when_busy: bool
    cancel_requested: bool
    cancel_kind: str
    cancel_actor: str
    cancel_reason: str
    targets_checked: bool
    left_s: float
    asset_name: str | None
    connection: str | None
    address: str | None
    port: int | None
    username: str | None
    host_keys: str | None
    credentials: dict[str, Any] | None
    asset_environment: str | None
    asset_tenant_id: int | None
    asset_is_active: bool

    @property
    def shares(self) -> tuple[Want, ...]:
        """What the execution holds beside others: assets that it only reads, and units of resources."""
        shared = LeaseMode.SHARED
        return (
            *(Want(UUID(asset), shared) for asset in self.shares_assets),
            *(Want(UUID(key), shared, quantity) for key, quantity in self.resources.items()),
        )

    @property
    def holds_something(self) -> bool:
        """Whether the execution needs leases at all."""
        return bool(self.changes_assets or self.shares_assets or self.resources)


_FIELDS = frozenset(field.name for field in fields(ClaimedStep))


def claim_from(queue: str, *, worker: str, ttl_s: float) -> ClaimedStep | None:
    """Take the best eligible step run of the queue: most urgent first, then oldest. None when none is."""
    return _claimed(_FROM_QUEUE, {"queue": queue, "worker": worker, "ttl": ttl_s})


def claim_one(step_run_id: UUID, *, worker: str, ttl_s: float) -> ClaimedStep | None:
    """Take this step run, if it is still ready and eligible."""
    return _claimed(_THIS_ONE, {"id": step_run_id, "worker": worker, "ttl": ttl_s})


def claim_of(execution_id: UUID, *, worker: str, ttl_s: float) -> ClaimedStep | None:
    """Take the next ready step run of one execution, for immediate mode."""
    return _claimed(_OF_EXECUTION, {"execution": execution_id, "worker": worker, "ttl": ttl_s})


def _claimed(statement: LiteralString, parameters: dict[str, Any]) -> ClaimedStep | None:
    row = _one_at_a_time(statement, parameters) if limits.count_runs() else fetch_one(statement, parameters)
    if row is None:
        return None
    return ClaimedStep(**{name: value for name, value in row.items() if name in _FIELDS})


def _one_at_a_time(statement: LiteralString, parameters: dict[str, Any]) -> Row | None:
    """While the runs at work are counted, nobody counts what another is about to begin."""
    with transaction.atomic():
        fetch(limits.LOCK)
        return fetch_one(statement, parameters)
