"""Take over step runs whose worker was lost, and decide by effect class what that means."""

import logging
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction

from executions import lifecycle
from executions.lifecycle import Ready
from safety.choices import Effect
from safety.context import LeaseLost, Outcome, OutcomeStatus
from safety.sql import fetch, fetch_one

logger = logging.getLogger(__name__)

CRASHES_TO_QUARANTINE = 3

# No reaping right after the database itself came back: nobody could renew while it was away.
_EXPIRED: LiteralString = """
SELECT r.id AS step_run_id, r.execution_id, r.tenant_id, r.lease_token AS token, r.attempt, r.attempt_limit,
       r.crashes, r.queue, r.priority, r.worker, s.key,
       s.name AS step_name, s.effect, s.survives_worker, e.trace_id, e.sla
FROM opsc_step_run r JOIN opsc_step s ON s.id = r.step_id JOIN opsc_execution e ON e.id = r.execution_id
WHERE r.status = 'running' AND r.lease_expires_at < statement_timestamp()
  AND pg_postmaster_start_time() < statement_timestamp() - make_interval(secs => %(ttl)s)
ORDER BY r.lease_expires_at LIMIT 500
"""

# First the row, then the question, in two statements: what its holder still commits is seen by the second.
_STILL_LOST: LiteralString = """
SELECT id FROM opsc_step_run WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s
  AND lease_expires_at < statement_timestamp() FOR UPDATE
"""
_HAD_BEGUN: LiteralString = """
SELECT step_run_id FROM opsc_effect WHERE step_run_id = %(id)s AND attempt = %(attempt)s AND outcome = ''
"""


@dataclass(frozen=True, kw_only=True)
class LostAttempt:
    """An attempt whose lease ran out."""

    step_run_id: UUID
    execution_id: UUID
    tenant_id: int
    token: int
    attempt: int
    attempt_limit: int
    crashes: int
    queue: str
    priority: int
    worker: str
    key: str
    step_name: str
    effect: str
    survives_worker: bool
    trace_id: str
    sla: str


def reap() -> list[Ready]:
    """Decide about every expired lease. Returns: step runs that another worker may claim now."""
    ready: list[Ready] = []
    for row in fetch(_EXPIRED, {"ttl": settings.OPSC["LEASE_TTL_S"]}):
        lost = LostAttempt(**row)
        try:
            with transaction.atomic():
                taken = _take_over(lost)
            if taken:
                queue = lost.sla if lost.queue == "immediate" else lost.queue
                ready.append(Ready(lost.step_run_id, queue, lost.priority))
        except LeaseLost:
            continue  # it was renewed, finished or reaped by somebody else in between
        except DatabaseError:
            logger.exception("could not take over step run %s; the next sweep tries again", lost.step_run_id)
    return ready


def _take_over(lost: LostAttempt) -> bool:
    """Put the step run where its effect class says, and count the time of its loss apart.

    Returns: whether it is ready again. Raises LeaseLost.
    """
    fetch(lifecycle.LOCK, {"execution": lost.execution_id})
    if fetch_one(_STILL_LOST, {"id": lost.step_run_id, "token": lost.token}) is None:
        raise LeaseLost(f"step run {lost.step_run_id}, token {lost.token}")
    lifecycle.count_as_lost(lost.execution_id, lost.step_run_id, ttl_s=settings.OPSC["LEASE_TTL_S"])
    return _put_back(lost)


def _put_back(lost: LostAttempt) -> bool:
    key = {"id": lost.step_run_id, "attempt": lost.attempt}
    outcome = Outcome(
        status=OutcomeStatus.INTERRUPTED, category="worker_lost", detail=f"worker {lost.worker} was lost"
    )
    if lost.crashes + 1 >= CRASHES_TO_QUARANTINE:
        quarantined = Outcome(
            status=OutcomeStatus.INTERRUPTED,
            category="quarantined",
            detail=f"{lost.crashes + 1} workers were lost while they ran it, the last was {lost.worker}",
        )
        lifecycle.interrupt(lost, quarantined, worker="scheduler", kind="system")
        return False
    if lost.survives_worker:
        lifecycle.hand_over(lost, outcome, worker="scheduler", resume=True, crashed=True)
    elif lost.effect != Effect.READ and fetch_one(_HAD_BEGUN, key) is None:
        lifecycle.hand_over(lost, outcome, worker="scheduler", resume=False, crashed=True)
    elif lost.attempt >= lost.attempt_limit or lost.effect == Effect.UNSAFE:
        lifecycle.interrupt(lost, outcome, worker="scheduler", kind="system")
        return False
    else:
        lifecycle.hand_over(
            lost,
            outcome,
            worker="scheduler",
            resume=False,
            counts=True,
            crashed=True,
            verify_first=lost.effect == Effect.CHECKABLE,
        )
    logger.warning("took over step run %s from the lost worker %s", lost.step_run_id, lost.worker)
    return True
