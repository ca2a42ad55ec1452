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

_STILL_WAITS: LiteralString = """
SELECT id FROM opsc_step_run
WHERE execution_id = %(execution)s AND status = 'ready' AND waiting_since IS NOT NULL LIMIT 1
"""

# Whoever stands behind somebody whom a person holds up may go first, in every line in which that one stands.
_MAY_OVERTAKE: LiteralString = """
SELECT DISTINCT o.lockable_id FROM (
    SELECT execution_id FROM (SELECT DISTINCT execution_id FROM opsc_line_place) every
    WHERE opsc_waits_for_a_person(execution_id)) held_up
JOIN opsc_line_place o ON o.execution_id = held_up.execution_id
"""

# One step run takes the leases for all of its execution. It comes again when it came first: before later work.
_WAKE: LiteralString = """
UPDATE opsc_step_run r SET not_before = NULL, ready_at = coalesce(r.started_at, r.ready_at)
FROM unnest(%(executions)s::uuid[]) AS free(execution_id) CROSS JOIN LATERAL (
    SELECT id FROM opsc_step_run
    WHERE execution_id = free.execution_id AND status = 'ready' AND waiting_since IS NOT NULL
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) one
WHERE r.id = one.id
RETURNING r.id, r.queue, r.priority
"""

_WAKE_REST: LiteralString = """
UPDATE opsc_step_run r SET not_before = NULL, ready_at = coalesce(r.started_at, r.ready_at)
WHERE r.id IN (SELECT id FROM opsc_step_run
               WHERE execution_id = %(execution)s AND status = 'ready' AND waiting_since IS NOT NULL
                 AND not_before IS NOT NULL
               ORDER BY id FOR UPDATE SKIP LOCKED)
RETURNING r.id, r.queue, r.priority
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


def leave_line(execution_id: UUID, *, unless_others_wait: bool = False) -> list[Ready]:
    """Give up the execution's place in every line; those whose turn it is then may be claimed at once.

    `unless_others_wait`: the place is kept for other step runs of the execution that wait in it.
    """
    if unless_others_wait and fetch_one(_STILL_WAITS, {"execution": execution_id}):
        return []
    return wake_waiting_for(leases.leave_line(execution_id))


def wake_waiting_for(lockables: Collection[UUID], *, only: UUID | None = None) -> list[Ready]:
    """Let those in line for one of these (or `only` this execution) that could have all they want take it.

    Returns: a step run of each, which may be claimed at once; when it has the leases, the others follow.
    """
    executions = leases.next_in_line(lockables, only=only) if lockables else []
    return _woken(_WAKE, executions=executions) if executions else []


def wake_behind_people() -> list[Ready]:
    """Let those in line go on who may overtake somebody that waits for a person, such as for a reserved asset."""
    return wake_waiting_for([row["lockable_id"] for row in fetch(_MAY_OVERTAKE)])


def wake_rest(execution_id: UUID) -> list[Ready]:
    """The execution has its leases: its step runs that still wait for them may be claimed at once."""
    return _woken(_WAKE_REST, execution=execution_id)


def _woken(statement: LiteralString, **parameters: object) -> list[Ready]:
    return [Ready(row["id"], row["queue"], row["priority"]) for row in fetch(statement, parameters)]
