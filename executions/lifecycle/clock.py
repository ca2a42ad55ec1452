"""Turn an execution's clock where no change of its state does: busy assets, switches, limits, lost workers."""

from typing import LiteralString
from uuid import UUID

from executions.lifecycle.held import HELD
from safety.sql import fetch

_WORK: LiteralString = """
UPDATE opsc_execution SET clock = 'work' WHERE id = %(execution)s AND status = 'running' AND clock <> 'work'
"""

# Its last working step run ended, or two began to wait at one moment: only those that wait are left.
_ONLY_WAITS: LiteralString = """
WITH idle AS (
    SELECT e.id FROM opsc_execution e
    WHERE e.status = 'running' AND e.finished_at IS NULL AND e.clock = 'work'
      AND EXISTS (SELECT FROM opsc_step_run w WHERE w.execution_id = e.id AND w.waiting_since IS NOT NULL
                  AND w.status = 'ready')
      AND NOT EXISTS (SELECT FROM opsc_step_run o WHERE o.execution_id = e.id AND o.waiting_since IS NULL
                      AND o.status IN ('ready', 'running', 'retrying'))
    ORDER BY e.id LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE opsc_execution e SET clock = 'leases' FROM idle WHERE e.id = idle.id RETURNING e.id
"""

# Held back by a gate, a switch or a limit: nothing of it runs, and all that could begin is held.
_ALL_HELD: LiteralString = (
    """
NOT EXISTS (SELECT FROM opsc_step_run r WHERE r.execution_id = e.id
            AND (r.status = 'running' OR (r.status IN ('ready', 'retrying') AND NOT """  # noqa: S608  constants only
    + HELD
    + """)))
AND (e.approval_level = 3 OR EXISTS (SELECT FROM opsc_standing_switch)
     OR EXISTS (SELECT FROM opsc_limit WHERE kind = 'running'))"""
)

_PAUSED: LiteralString = (
    """
WITH idle AS (
    SELECT e.id FROM opsc_execution e
    WHERE e.finished_at IS NULL AND e.status IN ('queued', 'running') AND e.clock NOT IN ('pause', 'approval') AND """  # noqa: S608  constants only
    + _ALL_HELD
    + """
    ORDER BY e.id LIMIT 1000 FOR UPDATE OF e SKIP LOCKED
)
UPDATE opsc_execution e SET clock = CASE
    WHEN EXISTS (SELECT FROM opsc_step_gate g WHERE g.execution_id = e.id AND g.status = 'requested') THEN 'approval'
    ELSE 'pause' END
FROM idle WHERE e.id = idle.id RETURNING e.id
"""
)

_RESUMED: LiteralString = (
    """
WITH again AS (
    SELECT e.id FROM opsc_execution e
    WHERE e.finished_at IS NULL AND e.status IN ('queued', 'running') AND e.clock IN ('pause', 'approval') AND NOT ("""  # noqa: S608  constants only
    + _ALL_HELD
    + """)
    ORDER BY e.id LIMIT 1000 FOR UPDATE OF e SKIP LOCKED
)
UPDATE opsc_execution e SET clock = opsc_clock_of(e.status) FROM again WHERE e.id = again.id RETURNING e.id
"""
)

# The time since anything of the execution showed a sign of life (a claim, a renewal, a wait, an end) is moved from
# work to lost; a living step beside the lost one renewed a moment ago. The clock stands still until somebody takes
# over.
_LOST: LiteralString = """
WITH seen AS (
    SELECT e.id, least(statement_timestamp(), greatest(
               e.clock_since, max(r.lease_expires_at) - make_interval(secs => %(ttl)s),
               max(r.ready_at) FILTER (WHERE r.waiting_since IS NULL), max(r.waiting_since),
               max(r.finished_at))) AS at,
           bool_or(r.status = 'running' AND r.id <> %(id)s AND r.lease_expires_at > statement_timestamp()) AS others
    FROM opsc_execution e JOIN opsc_step_run r ON r.execution_id = e.id
    WHERE e.id = %(execution)s AND e.status = 'running' AND e.clock = 'work'
    GROUP BY e.id
)
UPDATE opsc_execution e SET
    clock = CASE WHEN seen.others THEN e.clock ELSE 'lost' END,
    clock_since = e.clock_since + (statement_timestamp() - seen.at),
    lost_wait_s = e.lost_wait_s + extract(epoch FROM statement_timestamp() - seen.at),
    deadline_at = e.deadline_at + (statement_timestamp() - seen.at)
FROM seen WHERE e.id = seen.id
"""


def work_goes_on(execution_id: UUID) -> None:
    """A step run that waited has its assets: from now on the execution spends its time again."""
    fetch(_WORK, {"execution": execution_id})


def count_as_lost(execution_id: UUID, step_run_id: UUID, *, ttl_s: float) -> None:
    """The worker of this step run was lost: nobody was at work since the last sign of life, ttl before the expiry.

    In the caller's transaction, which has locked the execution's row, and before the step run goes to another.
    """
    fetch(_LOST, {"execution": execution_id, "id": step_run_id, "ttl": ttl_s})


def turn_clocks() -> int:
    """Stop the clocks of executions that can do nothing now, let those go on that no switch holds; how many."""
    return sum(len(fetch(statement)) for statement in (_RESUMED, _PAUSED, _ONLY_WAITS))
