"""Give a claimed step run back: to try again later, to hand it over, or because its outcome is unknown."""

from collections.abc import Collection
from typing import LiteralString, Protocol
from uuid import UUID

from django.db import transaction

from executions.lifecycle.effects import ends_effect
from executions.lifecycle.violation import record_violation
from safety import leases
from safety.context import LeaseLost, Outcome
from safety.sql import fetch_one


class Attempt(Protocol):
    """What identifies one attempt and its claim: a ClaimedStep, or one whose worker was lost."""

    @property
    def step_run_id(self) -> UUID: ...
    @property
    def execution_id(self) -> UUID: ...
    @property
    def tenant_id(self) -> int: ...
    @property
    def token(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def step_name(self) -> str: ...
    @property
    def trace_id(self) -> str: ...


# What only waited for a secret store did not begin: it uses up no attempt, and begins under the same number again.
_RETRY: LiteralString = (
    """
WITH back AS (
    UPDATE opsc_step_run SET status = 'retrying', category = %(category)s, detail = left(%(detail)s, 2000),
           attempt = attempt - %(uncounted)s, waiting_for = left(%(waiting_for)s, 300),
           not_before = statement_timestamp() + make_interval(secs => %(delay)s), resume = false,
           exit_code = %(exit_code)s
    WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
    RETURNING id, tenant_id, execution_id, attempt + %(uncounted)s AS attempt
)"""  # noqa: S608  constants only
    + ends_effect("back", "CASE WHEN %(uncounted)s = 0 THEN 'failed' ELSE 'handed_over' END")
    + """
INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, actor,
                        trace_id, data)
SELECT tenant_id, execution_id, id, 'step.retrying', 'running', 'retrying', 'worker', %(worker)s, %(trace)s,
       jsonb_build_object('attempt', %(attempt)s::int, 'category', %(category)s::text, 'detail', %(detail)s::text,
                          'delay_s', %(delay)s::float, 'waiting_for', %(waiting_for)s::text)
FROM back RETURNING step_run_id
"""
)

# Told once, and again when it waits for something else. The attempt did not begin, so it does not count. The next look
# is no older than its own time: work that became ready before comes before.
_WAIT: LiteralString = """
WITH back AS (
    UPDATE opsc_step_run SET status = 'ready', attempt = attempt - CASE WHEN resume THEN 0 ELSE 1 END,
           not_before = statement_timestamp() + make_interval(secs => %(delay)s),
           ready_at = statement_timestamp() + make_interval(secs => %(delay)s),
           waiting_since = statement_timestamp(), paused_before_s = coalesce(
               (SELECT opsc_paused_s(e) FROM opsc_execution e WHERE e.id = execution_id), 0),
           waiting_for = left(%(detail)s, 300),
           waits_for_assets = %(assets)s::uuid[]
    WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
    RETURNING id, tenant_id, execution_id
), idle AS (
    UPDATE opsc_execution e SET clock = 'leases' FROM back
    WHERE e.id = back.execution_id AND e.status = 'running' AND e.clock = 'work' AND NOT EXISTS (
        SELECT FROM opsc_step_run o WHERE o.execution_id = e.id AND o.id <> back.id
        AND o.status IN ('ready', 'running', 'retrying') AND o.waiting_since IS NULL)
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, actor,
                            trace_id, data)
    SELECT tenant_id, execution_id, id, 'lock.waiting', 'running', 'ready', 'worker', %(worker)s, %(trace)s,
           jsonb_build_object('waiting_for', %(detail)s::text)
    FROM back WHERE %(assets)s::uuid[] IS DISTINCT FROM %(before)s::uuid[]
)
SELECT id FROM back
"""

# Where the attempt goes on, its record stays open.
_HAND_OVER: LiteralString = (
    """
WITH back AS (
    UPDATE opsc_step_run SET status = 'ready', ready_at = statement_timestamp(), resume = %(resume)s,
           attempt = attempt - %(uncounted)s, crashes = crashes + %(crashed)s,
           verify_first = verify_first OR %(verify)s,
           not_before = statement_timestamp() + make_interval(secs => %(delay)s),
           queue = CASE WHEN queue = 'immediate'
                        THEN (SELECT sla FROM opsc_execution e WHERE e.id = execution_id) ELSE queue END
    WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
    RETURNING id, tenant_id, execution_id, attempt + %(uncounted)s AS attempt
)"""  # noqa: S608  constants only
    + ends_effect("back", "CASE WHEN %(uncounted)s = 0 THEN 'lost' ELSE 'handed_over' END", "NOT %(resume)s")
    + """
INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, actor,
                        trace_id, data)
SELECT tenant_id, execution_id, id, 'step.handed_over', 'running', 'ready', %(kind)s, %(worker)s, %(trace)s,
       jsonb_build_object('resume', %(resume)s::boolean, 'detail', %(detail)s::text)
FROM back RETURNING step_run_id
"""
)

_INTERRUPT: LiteralString = (
    """
WITH lost AS (
    UPDATE opsc_step_run SET status = 'interrupted', category = %(category)s, detail = left(%(detail)s, 2000),
           summary = CASE WHEN %(summary)s = '' THEN summary ELSE left(%(summary)s, 10240) END
    WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
    RETURNING id, tenant_id, execution_id, attempt, worker
), stopped AS (
    UPDATE opsc_execution e SET status = 'needs_attention', interrupted_runs = e.interrupted_runs + 1,
           status_reason = left(%(reason)s, 500)
    FROM lost, opsc_execution was WHERE e.id = lost.execution_id AND was.id = e.id
    RETURNING e.id, e.tenant_id, e.trace_id, was.status AS was
), letter AS (
    INSERT INTO opsc_dead_letter (tenant_id, execution_id, step_run_id, category, reason, attempts, worker,
                                  closed_by, resolution)
    SELECT tenant_id, execution_id, id, %(category)s, left(%(detail)s, 2000), attempt, worker, '', '' FROM lost
    ON CONFLICT DO NOTHING
), history AS (
    INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind,
                            actor, trace_id, data)
    SELECT tenant_id, execution_id, id, 'step.interrupted', 'running', 'interrupted', %(kind)s, %(worker)s,
           %(trace)s, jsonb_build_object('category', %(category)s::text, 'detail', %(detail)s::text)
    FROM lost
    UNION ALL
    SELECT tenant_id, id, NULL, 'execution.needs_attention', was, 'needs_attention', %(kind)s, %(worker)s,
           trace_id, '{}'::jsonb
    FROM stopped WHERE was <> 'needs_attention'
)"""  # noqa: S608  constants only
    + ends_effect("lost", "'unknown'")
    + """
SELECT id FROM lost
"""
)

_DEAD_LETTER: LiteralString = """
INSERT INTO opsc_dead_letter (tenant_id, execution_id, step_run_id, category, reason, attempts, worker,
                              closed_by, resolution)
VALUES (%(tenant)s, %(execution)s, %(step_run)s, %(category)s, left(%(reason)s, 2000), %(attempts)s, %(worker)s,
        '', '')
ON CONFLICT DO NOTHING
"""


def retry_later(step: Attempt, outcome: Outcome, *, worker: str, delay_s: float) -> None:
    """Try the step again after `delay_s` seconds; the same attempt where it only waits for a store.

    Raises LeaseLost.
    """
    awaited = outcome.waits_for_store
    more = {"exit_code": outcome.exit_code, "waiting_for": awaited, "uncounted": int(bool(awaited))}
    _through_claim(_RETRY, step, outcome, worker, delay=delay_s, **more)


def wait_for_assets(
    step: Attempt,
    outcome: Outcome,
    *,
    worker: str,
    delay_s: float,
    waited_for: Collection[UUID] | None = None,
) -> None:
    """Leave the step ready until the assets are free, looking again after `delay_s`. Raises LeaseLost.

    `waited_for`: what it waited for until now, which is on record.
    """
    before = None if waited_for is None else sorted(waited_for)
    _through_claim(
        _WAIT, step, outcome, worker, delay=delay_s, assets=sorted(outcome.waits_for), before=before
    )


def hand_over(
    step: Attempt,
    outcome: Outcome,
    *,
    worker: str,
    resume: bool,
    counts: bool = False,
    crashed: bool = False,
    verify_first: bool = False,
    delay_s: float = 0.0,
) -> None:
    """Let another worker take the step: to re-attach where it began (`resume`), or to start it.

    `counts`: the attempt used one up. `crashed`: its worker was lost. `verify_first`: the next holder asks the
    probe before it begins. `delay_s`: not before so many seconds. Raises LeaseLost.
    """
    _through_claim(
        _HAND_OVER,
        step,
        outcome,
        worker,
        resume=resume,
        uncounted=int(not resume and not counts),
        crashed=int(crashed),
        verify=verify_first,
        delay=delay_s,
        kind="system" if crashed else "worker",
    )


def interrupt(step: Attempt, outcome: Outcome, *, worker: str, kind: str = "worker") -> None:
    """Record that nobody can tell the outcome: dead letter, leases kept, a person decides. Raises LeaseLost."""
    reason = f"{step.step_name or step.key}: outcome unknown ({outcome.detail})"
    with transaction.atomic():
        _through_claim(_INTERRUPT, step, outcome, worker, kind=kind, reason=reason, summary=outcome.summary)
        record_violation(step, outcome.violation, worker=worker)
        leases.keep_for_review(step.execution_id, asset_id=None, reason=reason)


def dead_letter(step: Attempt, *, category: str, reason: str, worker: str) -> None:
    """Put the step run before a person; no second letter while one is open."""
    fetch_one(
        _DEAD_LETTER,
        {
            "tenant": step.tenant_id,
            "execution": step.execution_id,
            "step_run": step.step_run_id,
            "category": category,
            "reason": reason,
            "attempts": step.attempt,
            "worker": worker,
        },
    )


def _through_claim(
    statement: LiteralString, step: Attempt, outcome: Outcome, worker: str, **more: object
) -> None:
    parameters = {
        "id": step.step_run_id,
        "token": step.token,
        "category": outcome.category,
        "detail": outcome.detail,
        "worker": worker,
        "trace": step.trace_id,
        "attempt": step.attempt,
    }
    if fetch_one(statement, parameters | more) is None:
        raise LeaseLost(f"step run {step.step_run_id}, token {step.token}")
