"""Turn an execution's clock where no change of its state does: waits for assets, and pauses of its tenant."""

from typing import LiteralString
from uuid import UUID

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

_PAUSED: LiteralString = """
WITH idle AS (
    SELECT e.id FROM opsc_execution e JOIN opsc_tenant t ON t.id = e.tenant_id
    WHERE t.paused_at IS NOT NULL AND e.finished_at IS NULL AND e.status IN ('queued', 'running')
      AND e.clock <> 'pause'
      AND NOT EXISTS (SELECT FROM opsc_step_run o WHERE o.execution_id = e.id AND o.status = 'running')
    ORDER BY e.id LIMIT 1000 FOR UPDATE OF e SKIP LOCKED
)
UPDATE opsc_execution e SET clock = 'pause' FROM idle WHERE e.id = idle.id RETURNING e.id
"""

_RESUMED: LiteralString = """
WITH again AS (
    SELECT e.id FROM opsc_execution e JOIN opsc_tenant t ON t.id = e.tenant_id
    WHERE t.paused_at IS NULL AND e.finished_at IS NULL AND e.status IN ('queued', 'running')
      AND e.clock = 'pause'
    ORDER BY e.id LIMIT 1000 FOR UPDATE OF e SKIP LOCKED
)
UPDATE opsc_execution e SET clock = opsc_clock_of(e.status) FROM again WHERE e.id = again.id RETURNING e.id
"""


def work_goes_on(execution_id: UUID) -> None:
    """A step run that waited has its assets: from now on the execution spends its time again."""
    fetch(_WORK, {"execution": execution_id})


def turn_clocks() -> int:
    """Stop the clocks of executions that can do nothing now, and let those of resumed tenants go on; how many."""
    return sum(len(fetch(statement)) for statement in (_RESUMED, _PAUSED, _ONLY_WAITS))
