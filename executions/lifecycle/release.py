"""Free an execution's assets at its end, and let those that waited for them go on."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from executions.lifecycle.settle import Ready
from safety import leases
from safety.sql import fetch, fetch_one

_IS_OVER: LiteralString = (
    "SELECT finished_at IS NOT NULL AS over FROM opsc_execution WHERE id = %(execution)s"
)

_WAKE: LiteralString = """
UPDATE opsc_step_run SET not_before = NULL
WHERE status = 'ready' AND waits_for_assets && %(assets)s::uuid[]
RETURNING id, queue, priority
"""


def release_and_wake(execution_id: UUID, *, reviewed: bool = False) -> list[Ready]:
    """Release the leases of an execution that is over; what waited for them may be claimed at once.

    Leases under review stay unless a person has `reviewed` them. Does nothing while the execution is open.
    """
    row = fetch_one(_IS_OVER, {"execution": execution_id})
    if row is None or not row["over"]:
        return []
    freed = leases.release(execution_id, reviewed=reviewed)
    return wake_waiting_for(freed) if freed else []


def wake_waiting_for(assets: Sequence[UUID]) -> list[Ready]:
    """Let step runs that wait for one of these assets be claimed at once."""
    return [Ready(row["id"], row["queue"], row["priority"]) for row in fetch(_WAKE, {"assets": list(assets)})]
