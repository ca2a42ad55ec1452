"""Moves of a whole execution from one state to another, each with its event, in one transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from executions.lifecycle.errors import StaleTransition
from executions.models import Execution
from executions.states import EXECUTION_MOVES, REPEATABLE_EXECUTION, TERMINAL_EXECUTION, ActorKind
from safety.sql import fetch, fetch_one
from safety.tokens.bearing import bearing_of

LONGEST_ACTOR = 150


@dataclass(frozen=True)
class By:
    """Who makes a change."""

    kind: ActorKind
    name: str

    @classmethod
    def user(cls, user: Any) -> "By":
        """The person, and the API token that they came with."""
        bearing = bearing_of(user)
        name = user.get_username()
        return cls(ActorKind.USER, f"{name} (token {bearing.name})"[:LONGEST_ACTOR] if bearing else name)

    @classmethod
    def system(cls, name: str = "scheduler") -> "By":
        return cls(ActorKind.SYSTEM, name)


# Whoever changes several rows of an execution locks its own row first.
LOCK: LiteralString = "SELECT id FROM opsc_execution WHERE id = %(execution)s FOR UPDATE"

_MOVE: LiteralString = """
WITH moved AS (
    UPDATE opsc_execution SET
        status = %(to)s, status_reason = left(%(reason)s, 500),
        finished_at = CASE WHEN %(terminal)s THEN statement_timestamp() END,
        queued_at = CASE WHEN %(to)s = 'queued' THEN statement_timestamp() ELSE queued_at END,
        blocks_repeats = blocks_repeats AND NOT %(repeatable)s
    WHERE id = %(execution)s AND status = %(from)s
    RETURNING id, tenant_id, trace_id
)
INSERT INTO opsc_event (tenant_id, execution_id, type, from_status, to_status, actor_kind, actor, trace_id, data)
SELECT tenant_id, id, 'execution.' || %(to)s, %(from)s, %(to)s, %(kind)s, %(actor)s, trace_id,
       jsonb_build_object('reason', %(reason)s::text)
FROM moved RETURNING execution_id
"""

_RECORD: LiteralString = """
INSERT INTO opsc_event (tenant_id, execution_id, step_run_id, type, from_status, to_status, actor_kind, actor,
                        trace_id, data)
VALUES (%(tenant)s, %(execution)s, %(step_run)s, %(type)s, %(from)s, %(to)s, %(kind)s, %(actor)s, %(trace)s,
        %(data)s::jsonb)
"""


def move(execution_id: UUID, *, from_status: str, to_status: str, by: By, reason: str = "") -> None:
    """Move the execution, and write the event.

    Raises:
      StaleTransition: The execution is not in `from_status` (any more), or the move is not a legal one.
    """
    if to_status not in EXECUTION_MOVES.get(from_status, frozenset()):
        raise StaleTransition(execution_id, to_status, from_status)
    moved = fetch_one(
        _MOVE,
        {
            "execution": execution_id,
            "from": from_status,
            "to": to_status,
            "reason": reason,
            "terminal": to_status in TERMINAL_EXECUTION,
            "repeatable": to_status in REPEATABLE_EXECUTION,
            "kind": by.kind,
            "actor": by.name,
        },
    )
    if moved is None:
        found = Execution.objects.filter(pk=execution_id).values_list("status", flat=True).first()
        raise StaleTransition(execution_id, to_status, found or "gone")


def record(
    type_: str,
    *,
    tenant_id: int,
    execution_id: UUID | None,
    by: By,
    step_run_id: UUID | None = None,
    moved: tuple[str, str] = ("", ""),
    trace_id: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write one event in the current transaction; `moved` is (from, to) where a state changed."""
    fetch(
        _RECORD,
        {
            "tenant": tenant_id,
            "execution": execution_id,
            "step_run": step_run_id,
            "type": type_,
            "from": moved[0],
            "to": moved[1],
            "kind": by.kind,
            "actor": by.name,
            "trace": trace_id,
            "data": json.dumps(dict(data or {})),
        },
    )
