"""Free an execution's assets at its end, and let those whose turn it is go on."""

from collections.abc import Collection
from typing import LiteralString
from uuid import UUID

from executions.lifecycle.settle import Ready
from safety import leases
from safety.sql import fetch, fetch_one

_STANDS: LiteralString = """
SELECT finished_at IS NOT NULL AS over, cancel_requested_at IS NOT NULL OR aborted AS stopping
FROM opsc_execution WHERE id = %(execution)s
"""

_WAKE: LiteralString = """
UPDATE opsc_step_run SET not_before = NULL
WHERE id IN (SELECT id FROM opsc_step_run
             WHERE execution_id = ANY(%(executions)s::uuid[]) AND status = 'ready' AND waits_for_assets IS NOT NULL
             ORDER BY id FOR UPDATE SKIP LOCKED)
RETURNING id, queue, priority
"""


def release_and_wake(execution_id: UUID, *, reviewed: bool = False) -> list[Ready]:
    """Release the leases of an execution that is over; those whose turn it is then may be claimed at once.

    Leases under review stay unless a person has `reviewed` them. An execution that is only being stopped keeps
    its leases and leaves the line.
    """
    row = fetch_one(_STANDS, {"execution": execution_id})
    if row is None or row["over"]:
        return wake_waiting_for(leases.release(execution_id, reviewed=reviewed))
    return leave_line(execution_id) if row["stopping"] else []


def leave_line(execution_id: UUID) -> list[Ready]:
    """Give up the execution's place in every line; those whose turn it is then may be claimed at once."""
    return wake_waiting_for(leases.leave_line(execution_id))


def wake_waiting_for(lockables: Collection[UUID]) -> list[Ready]:
    """Let the step runs of the first in line for one of these be claimed at once."""
    executions = leases.next_in_line(lockables) if lockables else []
    if not executions:
        return []
    woken = fetch(_WAKE, {"executions": executions})
    return [Ready(row["id"], row["queue"], row["priority"]) for row in woken]
