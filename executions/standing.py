"""Who holds an asset or a resource, who waits for it in which order, and about how long."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

from executions.lifecycle import ClaimedStep
from executions.models import Execution, StepRun
from executions.states import StepStatus
from safety.models import LinePlace
from safety.sql import fetch

MOST_SAID = 3  # assets in one sentence
LINE_SHOWN = 50
LINES_SHOWN = 100
FREE = "a worker; what it waited for before is free now"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """An execution that has a lease. `left_s`: seconds to its estimated end, None when that is over or unknown."""

    execution_id: UUID
    name: str
    person: str
    mode: str
    quantity: int
    token: int
    under_review: bool
    reason: str
    since: datetime
    left_s: float | None

    def __str__(self) -> str:
        return f"{self.name} ({self.person}, {str(self.execution_id)[:8]})"


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """An execution in line. `number`: 1 is the next; `before_s`: estimated seconds of those before it."""

    execution_id: UUID
    name: str
    person: str
    mode: str
    quantity: int
    asked_at: datetime
    number: int
    before_s: float

    @property
    def ordinal(self) -> str:
        return ordinal(self.number)

    def __str__(self) -> str:
        return f"{self.name} ({self.person}, {str(self.execution_id)[:8]})"


@dataclass(frozen=True, kw_only=True)
class Reserved:
    """A reservation that stands."""

    id: int
    person_id: int
    person: str
    reason: str
    ends_at: datetime

    def __str__(self) -> str:
        return f"reserved by {self.person} until {self.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {self.reason}"


@dataclass
class Standing:
    """How it stands with one asset or resource. `capacity` is None for an asset."""

    lockable_id: UUID
    name: str
    capacity: int | None = None
    holders: list[Holder] = field(default_factory=list)
    line: list[Waiter] = field(default_factory=list)
    reserved: Reserved | None = None

    def waits_s(self, waiter: Waiter) -> float | None:
        """About how long before it is the waiter's turn; None when nobody can tell."""
        if any(holder.under_review or holder.left_s is None for holder in self.holders) or self.reserved:
            return None
        return max((holder.left_s or 0.0 for holder in self.holders), default=0.0) + waiter.before_s

    @property
    def is_asset(self) -> bool:
        """Resources are counted, assets are not."""
        return self.capacity is None

    def holds_up(self, execution_id: UUID) -> bool:
        """Whether the execution, which waits here, could not have it now."""
        before = self.line[:1] and self.line[0].execution_id != execution_id
        return bool(
            self.holders or self.reserved or before or self._has_too_little(self._place(execution_id))
        )

    def _place(self, execution_id: UUID) -> Waiter | None:
        return next((one for one in self.line if one.execution_id == execution_id), None)

    def _has_too_little(self, waiter: Waiter | None) -> bool:
        return self.capacity is not None and waiter is not None and waiter.quantity > self.capacity

    def about(self, execution_id: UUID) -> str:
        """Why the execution waits here, as a clause."""
        waiter = self._place(execution_id)
        if waiter and self._has_too_little(waiter):
            return f"wants {waiter.quantity} of {self.name}, which has {self.capacity}"
        place = f"{waiter.ordinal} in line for {self.name}" if waiter else self.name
        clauses = [place]
        if self.reserved:
            clauses.append(str(self.reserved))
        for holder in self.holders[:1]:
            more = f" and {len(self.holders) - 1} more" if len(self.holders) > 1 else ""
            kept = f", kept for a person: {holder.reason}" if holder.under_review else ""
            clauses.append(f"held by {holder}{more}{kept}")
        seconds = self.waits_s(waiter) if waiter else None
        if seconds:
            clauses.append(f"about {_minutes(seconds)}")
        return ", ".join(clauses)


# What is said of others ends at the tenant: an asset that was given to another one shows no names of the first.
_NAMES: LiteralString = """
SELECT id, name, NULL::int AS capacity FROM opsc_asset WHERE id = ANY(%(ids)s::uuid[])
UNION ALL SELECT id, name, capacity FROM opsc_resource WHERE id = ANY(%(ids)s::uuid[])
ORDER BY name
"""

_HOLDERS: LiteralString = """
SELECT l.lockable_id, l.execution_id, coalesce(e.name, 'another execution') AS name,
       coalesce(u.username, '?') AS person, l.mode, l.quantity, l.token, l.under_review,
       CASE WHEN e.id IS NULL THEN '' ELSE l.reason END AS reason,
       l.acquired_at AS since, nullif(greatest(0, e.estimate_s - extract(epoch FROM
           statement_timestamp() - coalesce(e.started_at, statement_timestamp()))), 0)::float AS left_s
FROM opsc_lease l LEFT JOIN opsc_execution e ON e.id = l.execution_id AND e.tenant_id = opsc_owner(l.lockable_id)
LEFT JOIN auth_user u ON u.id = e.requested_by_id
WHERE l.lockable_id = ANY(%(ids)s::uuid[]) ORDER BY l.acquired_at, l.id LIMIT 1000
"""

_LINE: LiteralString = """
SELECT * FROM (
    SELECT q.lockable_id, q.execution_id, coalesce(e.name, 'another execution') AS name,
           coalesce(u.username, '?') AS person, q.mode, q.quantity, q.asked_at,
           row_number() OVER earlier::int AS number,
           (sum(coalesce(e.estimate_s, 0)) OVER earlier - coalesce(e.estimate_s, 0))::float AS before_s
    FROM opsc_line_place q
    LEFT JOIN opsc_execution e ON e.id = q.execution_id AND e.tenant_id = opsc_owner(q.lockable_id)
    LEFT JOIN auth_user u ON u.id = e.requested_by_id
    WHERE q.lockable_id = ANY(%(ids)s::uuid[])
    WINDOW earlier AS (PARTITION BY q.lockable_id ORDER BY q.place)
) line WHERE number <= %(most)s OR execution_id = %(execution)s ORDER BY number
"""

_RESERVED: LiteralString = """
SELECT v.asset_id, v.id, v.person_id, u.username AS person, v.reason, v.ends_at
FROM opsc_reservation v JOIN auth_user u ON u.id = v.person_id
WHERE v.tenant_id = opsc_owner(v.asset_id) AND v.asset_id = ANY(%(ids)s::uuid[])
  AND v.ended_at IS NULL AND v.ends_at > statement_timestamp()
"""


def names_of(lockables: Collection[UUID]) -> dict[UUID, str]:
    """The names of assets and resources by their ids."""
    return {row["id"]: row["name"] for row in fetch(_NAMES, {"ids": list(lockables)})}


def standings(lockables: Collection[UUID], *, execution_id: UUID | None = None) -> list[Standing]:
    """How it stands with each, by name; of a line its first fifty, and the place of `execution_id`."""
    parameters = {"ids": list(lockables), "most": LINE_SHOWN, "execution": execution_id}
    found = {
        row["id"]: Standing(row["id"], row["name"], row["capacity"]) for row in fetch(_NAMES, parameters)
    }
    every: dict[UUID, Standing] = defaultdict(lambda: Standing(UUID(int=0), "?"), found)
    for row in fetch(_HOLDERS, parameters):
        every[row.pop("lockable_id")].holders.append(Holder(**row))
    for row in fetch(_LINE, parameters):
        every[row.pop("lockable_id")].line.append(Waiter(**row))
    for row in fetch(_RESERVED, parameters):
        asset = every[row.pop("asset_id")]
        asset.reserved = Reserved(**row)
    return list(found.values())


def why_it_waits(step: ClaimedStep, lockables: Collection[UUID]) -> str:
    """Whom the step run waits for, and when its turn is, as a sentence; empty when that is not known."""
    some = sorted(lockables)[:MOST_SAID]
    said = [one.about(step.execution_id) for one in standings(some, execution_id=step.execution_id)]
    if len(lockables) > MOST_SAID:
        said.append(f"and {len(lockables) - MOST_SAID} more")
    return "; ".join(said)


def waits_of(execution: Execution) -> list[tuple[Standing, str]]:
    """What the execution stands in line for and does not get now, each with a clause that says why."""
    if execution.finished_at is not None:
        return []
    waited = LinePlace.objects.filter(execution_id=execution.pk, tenant_id=execution.tenant_id)
    ids = list(waited.values_list("lockable_id", flat=True)[:LINES_SHOWN])
    found = standings(ids, execution_id=execution.pk) if ids else []
    return [(one, one.about(execution.pk)) for one in found if one.holds_up(execution.pk)]


def what_it_waits_for(run: StepRun, waits: Sequence[tuple[Standing, str]]) -> str:
    """What a step run waits for now, empty when for nothing; the row keeps what it was when a worker looked last.

    `waits`: what its execution waits for.
    """
    if run.status == StepStatus.RETRYING:
        return run.waiting_for
    if run.status != StepStatus.READY or run.waiting_since is None:
        return ""
    more = [f"and {len(waits) - MOST_SAID} more"] if len(waits) > MOST_SAID else []
    return "; ".join([said for _, said in waits[:MOST_SAID]] + more) or FREE


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    end = "th" if number % 100 in (11, 12, 13) else ends.get(number % 10, "th")
    return f"{number}{end}"


def _minutes(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 60 else f"{round(seconds / 60)} min"
