"""One pass over everything that time, lost messages or lost workers left behind."""

import logging
from collections.abc import Callable
from typing import LiteralString

from django.conf import settings
from django.db import DatabaseError, transaction

from executions import approvals, control, dispatch, letting_in, lifecycle, reservations, stepwise, switching
from executions.audit import heads, sealing
from executions.errors import Refused
from executions.lifecycle import LifecycleError, Ready
from executions.reaper import reap
from executions.reminding import remind_due
from executions.retries import make_due_ready
from executions.states import StepStatus
from safety.sql import Row, fetch, fetch_one

logger = logging.getLogger(__name__)

ADVISORY_LOCK = 0x6F707363  # "opsc": one scheduler acts at a time
WAKE_AGAIN_AFTER_S = 2.0  # a ready step run that nobody took for so long has lost its wake-up
IMMEDIATE_PATIENCE_S = 30.0  # an immediate step run that nobody took for so long has lost its process

_LOCK: LiteralString = "SELECT pg_try_advisory_lock(%(key)s) AS mine"
_UNLOCK: LiteralString = "SELECT pg_advisory_unlock(%(key)s)"

_UNTAKEN: LiteralString = (
    """
SELECT (array_agg(r.id))[1] AS id, r.queue, r.priority, count(*)::int AS waiting FROM (
    SELECT r.id, r.queue, r.priority FROM opsc_step_run r
    JOIN opsc_execution e ON e.id = r.execution_id
    WHERE r.status = 'ready' AND r.queue <> 'immediate'
      AND (r.ready_at < statement_timestamp() - make_interval(secs => %(patience)s)
           OR (r.waiting_since IS NOT NULL AND r.not_before <= statement_timestamp()))
      AND (r.not_before IS NULL OR r.not_before <= statement_timestamp())
      AND e.status IN ('approved', 'queued', 'running')
      AND ((r.resume AND e.cancel_requested_at IS NOT NULL) OR NOT """  # noqa: S608  constants only
    + lifecycle.HELD
    + """)
    LIMIT 1000) r
GROUP BY r.queue, r.priority
"""
)

_ABANDONED_IMMEDIATE: LiteralString = """
UPDATE opsc_step_run r SET queue = e.sla FROM opsc_execution e
WHERE e.id = r.execution_id AND r.status IN ('ready', 'pending', 'retrying') AND r.queue = 'immediate'
  AND e.id IN (SELECT execution_id FROM opsc_step_run WHERE queue = 'immediate' AND status = 'ready'
               AND ready_at < statement_timestamp() - make_interval(secs => %(patience)s)
               AND coalesce(not_before, '-infinity') < statement_timestamp() - make_interval(secs => %(patience)s)
               LIMIT 100)
RETURNING r.id
"""

# A clock that stands still has no deadline; a step that runs watches its own. While all that runs has shown no life
# since the deadline, its workers may have been lost before it: the reaper decides first, and moves the deadline.
_OVERDUE: LiteralString = """
SELECT e.id FROM opsc_execution e
WHERE e.status = 'running' AND e.finished_at IS NULL AND e.deadline_at < statement_timestamp()
  AND e.cancel_requested_at IS NULL
  AND (NOT EXISTS (SELECT FROM opsc_step_run r WHERE r.execution_id = e.id AND r.status = 'running')
       OR EXISTS (SELECT FROM opsc_step_run r WHERE r.execution_id = e.id AND r.status = 'running'
                  AND r.lease_expires_at > e.deadline_at + make_interval(secs => %(ttl)s)))
LIMIT 200
"""

# Counts from when there was a worker for it: after an outage of all workers the backlog is worked off first.
_NEVER_TAKEN: LiteralString = """
SELECT e.id FROM opsc_execution e
JOIN (SELECT sla, min(w.started_at) AS since FROM opsc_worker w, unnest(w.queues) AS sla
      WHERE w.state = 'active' GROUP BY sla) fleet ON fleet.sla = e.sla
WHERE e.status = 'queued' AND e.finished_at IS NULL AND e.clock IN ('', 'queue') AND e.cancel_requested_at IS NULL
  AND greatest(coalesce(e.clock_since, e.created_at), fleet.since)
      < statement_timestamp() - make_interval(secs => %(limit)s - e.queue_wait_s)
LIMIT 200
"""

_LEFTOVERS: LiteralString = """
SELECT DISTINCT e.id, e.cancel_requested_at IS NOT NULL AS cancelling
FROM opsc_execution e JOIN opsc_step_run r ON r.execution_id = e.id
WHERE e.finished_at IS NULL AND e.status IN ('queued', 'running')
  AND (e.cancel_requested_at IS NOT NULL OR e.aborted)
  AND r.status IN ('ready', 'retrying', 'pending') AND NOT r.resume
LIMIT 200
"""

_STALE_LEASES: LiteralString = """
SELECT DISTINCT l.execution_id AS id FROM opsc_lease l LEFT JOIN opsc_execution e ON e.id = l.execution_id
WHERE l.expires_at < statement_timestamp() AND NOT l.under_review
  AND (e.id IS NULL OR e.finished_at IS NOT NULL)
LIMIT 200
"""

# Whoever is over, is being stopped or waits for a person does not stand in line.
_STALE_PLACES: LiteralString = """
SELECT DISTINCT q.execution_id AS id FROM opsc_line_place q LEFT JOIN opsc_execution e ON e.id = q.execution_id
WHERE e.id IS NULL OR e.status NOT IN ('approved', 'queued', 'running') OR e.cancel_requested_at IS NOT NULL
LIMIT 200
"""

_LOST_WORKERS: LiteralString = """
UPDATE opsc_worker SET state = 'lost'
WHERE state IN ('active', 'draining') AND heartbeat_at < statement_timestamp() - make_interval(secs => %(ttl)s * 3)
RETURNING name
"""


def tick() -> dict[str, int]:
    """Do everything that is due, and count it; empty when another scheduler is at it."""
    row = fetch_one(_LOCK, {"key": ADVISORY_LOCK})
    if row is None or not row["mine"]:
        return {}
    try:
        return _sweep()
    finally:
        fetch(_UNLOCK, {"key": ADVISORY_LOCK})


def _sweep() -> dict[str, int]:
    """Every stage by itself: what fails in one keeps nothing from the others, and comes again next time."""
    stages: dict[str, Callable[[], int]] = {
        "retries_due": lambda: _woken(make_due_ready()),
        "taken_over": lambda: _woken(reap()),
        "approvals_expired": lambda: approvals.expire_due() + stepwise.expire_due(),
        "approvals_reminded": remind_due,
        "steps_asked_for": lambda: letting_in.reopen_due() + stepwise.ask_due(),
        "switches_ended": switching.end_due,
        "switched_off": switching.stop_running,
        "clocks_turned": lifecycle.turn_clocks,
        "timed_out": _end_overdue,
        "cancelled": _stop_leftovers,
        "leases_freed": _free_stale_leases,
        "left_the_line": _leave_lines,
        "reservations_ended": reservations.end_due,
        "overtaking": lambda: _woken(lifecycle.wake_behind_people()),
        "moved_to_queue": lambda: len(fetch(_ABANDONED_IMMEDIATE, {"patience": IMMEDIATE_PATIENCE_S})),
        "workers_lost": lambda: len(fetch(_LOST_WORKERS, {"ttl": settings.OPSC["LEASE_TTL_S"]})),
        "woken_again": _wake_again,
        "sealed": _seal,
    }
    counts = {}
    for name, stage in stages.items():
        try:
            counts[name] = stage()
        except (DatabaseError, Refused, LifecycleError):
            logger.exception("a stage of the sweep failed: %s", name)
    return counts


def _seal() -> int:
    sealed = sealing.seal()
    heads.tell()
    return sealed


def _woken(ready: list[Ready]) -> int:
    dispatch.wake(ready)
    return len(ready)


def _end_overdue() -> int:
    overdue = fetch(_OVERDUE, {"ttl": settings.OPSC["LEASE_TTL_S"]})
    for row in overdue:
        control.cancel_for_timeout(row["id"])
    limit_s = settings.OPSC["QUEUE_WAIT_S"]
    never_taken = fetch(_NEVER_TAKEN, {"limit": limit_s})
    for row in never_taken:
        control.cancel_for_timeout(row["id"], f"no worker took it within {limit_s:g} s (OPSC_QUEUE_WAIT_S)")
    return len(overdue) + len(never_taken)


def _stop_leftovers() -> int:
    leftovers = fetch(_LEFTOVERS)
    for row in leftovers:
        with transaction.atomic():
            fetch(lifecycle.LOCK, {"execution": row["id"]})
            if row["cancelling"]:
                lifecycle.stop_rest(row["id"], StepStatus.CANCELLED, "cancelled")
            else:
                lifecycle.stop_rest(row["id"], StepStatus.SKIPPED, "aborted")
            dispatch.wake(lifecycle.release_and_wake(row["id"]))
    return len(leftovers)


def _free_stale_leases() -> int:
    return _woken([run for row in fetch(_STALE_LEASES) for run in _freed(row)])


def _freed(row: Row) -> list[Ready]:
    with transaction.atomic():
        return lifecycle.release_and_wake(row["id"])


def _leave_lines() -> int:
    stale = fetch(_STALE_PLACES)
    for row in stale:
        with transaction.atomic():
            dispatch.wake(lifecycle.leave_line(row["id"]))
    return len(stale)


def _wake_again() -> int:
    untaken = fetch(_UNTAKEN, {"patience": WAKE_AGAIN_AFTER_S})
    dispatch.wake(_ready(row) for row in untaken for _ in range(min(row["waiting"], dispatch.MOST_WAKE_UPS)))
    return sum(row["waiting"] for row in untaken)


def _ready(row: Row) -> Ready:
    return Ready(row["id"], row["queue"], row["priority"])
