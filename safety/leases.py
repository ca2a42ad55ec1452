"""Leases on assets and named resources: one execution at a time changes an asset, in the order they asked.

All times are the database's. Nobody steals an expired lease, because only the reaper knows whether its work is
over. Whoever takes, frees or reserves something locks its row in `opsc_lockable` first; every statement that
locks several rows does so in the order of the ids.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from safety.models import LeaseMode
from safety.sql import Row, fetch


@dataclass(frozen=True, order=True)
class Want:
    """A thing that an execution has to hold. `quantity`: units of a resource; 1 for an asset."""

    lockable_id: UUID
    mode: LeaseMode = LeaseMode.EXCLUSIVE
    quantity: int = 1


@dataclass(frozen=True)
class Blocker:
    """Why something cannot be had now.

    kind: `held` by that execution, in `line` before us, `reserved` by a person, more than the `capacity`, or `gone`.
    """

    kind: str
    lockable_id: UUID
    execution_id: UUID | None


class AssetBusy(Exception):
    """Something is held, reserved or somebody else's turn; nothing was taken. A later try makes sense."""

    def __init__(self, blockers: Sequence[Blocker]) -> None:
        super().__init__("what it needs is held by other executions")
        self.blockers = list(blockers)

    @property
    def lockables(self) -> tuple[UUID, ...]:
        """What could not be had, sorted; the first fifty at most."""
        return tuple(sorted({blocker.lockable_id for blocker in self.blockers}))


class ResourceGone(Exception):
    """A resource that is wanted was deleted; nothing was taken, and no later try makes sense."""


_ACQUIRE: LiteralString = """
SELECT blocker, wanted_id, blocked_by, granted FROM opsc_acquire(
    %(tenant)s, %(execution)s, %(actor)s, %(worker)s, %(ttl)s, %(ids)s::uuid[], %(modes)s::text[],
    %(quantities)s::int[], %(own)s::uuid, %(in_line)s)
"""

# A heartbeat's time is shorter than that of the policy, with which a lease was taken: it only ever adds.
RENEW: LiteralString = """
WITH mine AS (
    SELECT id FROM opsc_lease WHERE execution_id = ANY(%(executions)s::uuid[]) ORDER BY lockable_id, id FOR UPDATE
)
UPDATE opsc_lease held
SET expires_at = greatest(held.expires_at, statement_timestamp() + make_interval(secs => %(ttl)s))
FROM mine WHERE held.id = mine.id
"""

MAKE_LOCKABLE: LiteralString = (
    "INSERT INTO opsc_lockable (id, tenant_id) VALUES (%(id)s, %(tenant)s) ON CONFLICT DO NOTHING"
)

LOCK: LiteralString = "SELECT id FROM opsc_lockable WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR UPDATE"

_RELEASE: LiteralString = """
SELECT freed FROM opsc_release(%(execution)s, %(leases)s, %(reviewed)s) AS freed
"""

_HOLDS: LiteralString = """
SELECT id FROM opsc_lease
WHERE lockable_id = %(lockable)s AND execution_id = %(execution)s AND token = %(token)s
"""

_KEEP: LiteralString = """
WITH mine AS (
    SELECT id FROM opsc_lease
    WHERE execution_id = %(execution)s AND (%(asset)s::uuid IS NULL OR lockable_id = %(asset)s)
    ORDER BY lockable_id FOR UPDATE
)
UPDATE opsc_lease held SET under_review = true, reason = left(%(reason)s, 300)
FROM mine WHERE held.id = mine.id
"""

_END_REVIEW: LiteralString = """
WITH mine AS (
    SELECT id FROM opsc_lease
    WHERE execution_id = %(execution)s AND lockable_id = ANY(%(only)s::uuid[])
    ORDER BY lockable_id FOR UPDATE
)
UPDATE opsc_lease held SET under_review = false, reason = '' FROM mine WHERE held.id = mine.id
"""

# Those of the line at these places for whom nothing stands in the way at any of their places, by the rules of
# opsc_acquire: no conflicting lease, no reservation, and nobody earlier (but for those whom a person holds up).
# OFFSET 0: one candidate after the other, each only as far as its first obstacle.
_NEXT_IN_LINE: LiteralString = """
SELECT t.execution_id FROM (
    SELECT DISTINCT execution_id FROM opsc_line_place
    WHERE lockable_id = ANY(%(ids)s::uuid[]) AND (%(only)s::uuid IS NULL OR execution_id = %(only)s)
) t
WHERE NOT EXISTS (
    SELECT FROM opsc_line_place q LEFT JOIN opsc_resource r ON r.id = q.lockable_id
    WHERE q.execution_id = t.execution_id AND (
        q.quantity > r.capacity
        OR EXISTS (
            SELECT FROM opsc_lease l WHERE l.lockable_id = q.lockable_id AND l.execution_id <> q.execution_id
              AND (q.mode = 'exclusive' OR l.mode = 'exclusive'))
        OR (NOT EXISTS (
                SELECT FROM opsc_lease l WHERE l.lockable_id = q.lockable_id AND l.execution_id = q.execution_id)
            AND (EXISTS (
                SELECT FROM opsc_reservation v
                WHERE v.asset_id = q.lockable_id AND v.ended_at IS NULL AND v.ends_at > statement_timestamp()
                  AND v.person_id IS DISTINCT FROM q.actor_id)
            OR EXISTS (
                SELECT FROM opsc_line_place e
                WHERE e.lockable_id = q.lockable_id AND e.place < q.place
                  AND (q.mode = 'exclusive' OR e.mode = 'exclusive')
                  AND NOT opsc_waits_for_a_person(e.execution_id))))
        OR (r.capacity IS NOT NULL AND q.quantity > r.capacity - (
            SELECT coalesce(sum(o.quantity), 0) FROM (
                SELECT l.quantity FROM opsc_lease l
                WHERE l.lockable_id = q.lockable_id AND l.execution_id <> q.execution_id
                UNION ALL
                SELECT e.quantity FROM opsc_line_place e
                WHERE e.lockable_id = q.lockable_id AND e.place < q.place
                  AND NOT opsc_waits_for_a_person(e.execution_id)) o)))
    OFFSET 0)
"""


def acquire(
    *,
    tenant_id: int,
    execution_id: UUID,
    assets: Collection[UUID] = (),
    worker: str,
    ttl_s: float,
    wants: Collection[Want] = (),
    actor_id: int | None = None,
    own: UUID | None = None,
    in_line: bool = True,
) -> int | None:
    """Take every asset (exclusively) and all that it `wants` besides for the execution, or nothing.

    Asked again, what the execution holds stays its own. A lease that had run out gets a new token: there was a
    window. `actor_id`: who asked for the execution; their own reservations do not hold it up. `in_line`: join
    the waiting line when something is busy. Returns: the fencing token of the lease on `own`, None without one.

    Raises:
      AssetBusy: Something is held, reserved or another's turn; nothing was taken.
      ResourceGone: A resource was deleted; nothing was taken.
    """
    all_wanted = sorted({Want(asset) for asset in assets} | set(wants))
    rows = fetch(
        _ACQUIRE,
        {
            "tenant": tenant_id,
            "execution": execution_id,
            "actor": actor_id,
            "worker": worker,
            "ttl": float(ttl_s),
            "ids": [want.lockable_id for want in all_wanted],
            "modes": [want.mode.value for want in all_wanted],
            "quantities": [want.quantity for want in all_wanted],
            "own": own,
            "in_line": in_line,
        },
    )
    _raise_for(rows)
    return rows[0]["granted"] if rows else None


def _raise_for(rows: list[Row]) -> None:
    blockers = [
        Blocker(row["blocker"], row["wanted_id"], row["blocked_by"]) for row in rows if row["blocker"]
    ]
    if any(blocker.kind == "gone" for blocker in blockers):
        raise ResourceGone("a resource that the plan asks for was deleted")
    if blockers:
        raise AssetBusy(blockers)


def holds(execution_id: UUID, lockable_id: UUID | None, token: int | None) -> bool:
    """Whether the execution still has the lease that it was granted with this token; true where it needs none."""
    return token is None or bool(
        fetch(_HOLDS, {"execution": execution_id, "lockable": lockable_id, "token": token})
    )


def release(execution_id: UUID, *, reviewed: bool = False) -> list[UUID]:
    """Free what the execution holds and leave every line; what is under review only when `reviewed` by a person.

    Returns: ids of what may have become free.
    """
    rows = fetch(_RELEASE, {"execution": execution_id, "leases": True, "reviewed": reviewed})
    return [row["freed"] for row in rows]


def leave_line(execution_id: UUID) -> list[UUID]:
    """Give up the execution's place in every line. Returns: ids of what it waited for."""
    rows = fetch(_RELEASE, {"execution": execution_id, "leases": False, "reviewed": False})
    return [row["freed"] for row in rows]


def next_in_line(lockables: Collection[UUID], *, only: UUID | None = None) -> list[UUID]:
    """Executions (or `only` this one) in line for one of these that could take all that they want now."""
    rows = fetch(_NEXT_IN_LINE, {"ids": list(lockables), "only": only})
    return [row["execution_id"] for row in rows]


def keep_for_review(execution_id: UUID, *, asset_id: UUID | None, reason: str) -> None:
    """Keep the execution's lease on one asset (or all) after its end, until a person releases it."""
    fetch(_KEEP, {"execution": execution_id, "asset": asset_id, "reason": reason})


def end_review(execution_id: UUID, only: Collection[UUID]) -> None:
    """Nothing is in doubt any more there: the execution's leases on `only` these are ordinary ones again."""
    fetch(_END_REVIEW, {"execution": execution_id, "only": list(only)})
