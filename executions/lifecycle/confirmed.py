"""Put on record what a later look at an unproven end has found, and free what nothing is in doubt about any more."""

from typing import LiteralString
from uuid import UUID

from executions.lifecycle.moves import By
from executions.lifecycle.release import release_and_wake
from executions.lifecycle.settle import Ready
from safety import leases
from safety.sql import fetch, fetch_one

# A dead letter about a clean-up that did not run stays: that the step is dead cleans nothing up.
_CONFIRM: LiteralString = """
WITH told AS (
    UPDATE opsc_step_run SET stop_confirmed = true
    WHERE id = %(id)s AND stop_confirmed = false AND finished_at IS NOT NULL
    RETURNING id, tenant_id, execution_id, attempt
), letter AS (
    UPDATE opsc_dead_letter d SET closed_at = statement_timestamp(), closed_by = %(actor)s,
           resolution = left(%(detail)s, 300)
    FROM told WHERE d.step_run_id = told.id AND d.closed_at IS NULL AND d.category <> 'cleanup'
)
INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, actor_kind, actor, data)
SELECT tenant_id, execution_id, id, 'step.stop_confirmed', %(kind)s, %(actor)s,
       jsonb_build_object('attempt', attempt, 'detail', %(detail)s::text)
FROM told RETURNING step_run_id
"""

# Nothing of the execution is in doubt there. What has no target of its own may have been at work anywhere, and a
# resource stands for all targets.
_CLEAR: LiteralString = """
SELECT l.lockable_id FROM opsc_lease l
WHERE l.execution_id = %(execution)s AND l.under_review AND NOT EXISTS (
    SELECT FROM opsc_step_run r
    WHERE r.execution_id = l.execution_id AND (r.stop_confirmed = false OR r.status = 'interrupted')
      AND (r.asset_id = l.lockable_id OR r.asset_id IS NULL
           OR NOT EXISTS (SELECT FROM opsc_asset a WHERE a.id = l.lockable_id)))
"""


def confirm_stop(execution_id: UUID, step_run_id: UUID, *, by: By, detail: str) -> list[Ready] | None:
    """The step run is proven dead: say so, close its dead letter, and free what was kept only because of it.

    In the caller's transaction, which has locked the execution's row. Leases that the execution still needs stay
    until its end, as ordinary ones. Returns: what may go on; None when its end was proven meanwhile.
    """
    about = {"id": step_run_id, "kind": by.kind, "actor": by.name, "detail": detail}
    if fetch_one(_CONFIRM, about) is None:
        return None
    end_review(execution_id)
    return release_and_wake(execution_id)


def end_review(execution_id: UUID) -> None:
    """Make the execution's leases ordinary ones again where nothing of it is in doubt: unproven, or undecided.

    In the caller's transaction, which has locked the execution's row.
    """
    clear = [row["lockable_id"] for row in fetch(_CLEAR, {"execution": execution_id})]
    leases.end_review(execution_id, clear)
