"""Leases on assets: one execution at a time may change an asset.

All times are the database's. A lease is taken only where no row stands or the row is the execution's own:
nobody steals an expired one, because only the reaper knows whether its work is over. Every statement that
locks several rows does so in the order of the asset ids.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from safety.sql import fetch


@dataclass(frozen=True)
class Holder:
    """Who holds an asset that somebody else wants."""

    asset_id: UUID
    execution_id: UUID


class AssetBusy(Exception):
    """Another execution holds an asset; nothing was taken. A later try makes sense."""

    def __init__(self, holders: Sequence[Holder]) -> None:
        super().__init__(f"{len(holders)} of the assets are held by other executions")
        self.holders = list(holders)


# Re-entrant for the same execution. A lease that had run out gets a new token: there was a window.
_ACQUIRE = """
INSERT INTO opsc_asset_lease AS held (asset_id, tenant_id, execution_id, worker, token, expires_at,
                                      under_review, reason)
SELECT wanted.id, %(tenant)s, %(execution)s, %(worker)s, nextval('opsc_fencing_token'),
       statement_timestamp() + make_interval(secs => %(ttl)s), false, ''
FROM unnest(%(assets)s::uuid[]) AS wanted(id) ORDER BY wanted.id
ON CONFLICT (asset_id) DO UPDATE SET
    expires_at = EXCLUDED.expires_at, worker = EXCLUDED.worker,
    token = CASE WHEN held.expires_at < statement_timestamp() THEN EXCLUDED.token ELSE held.token END
WHERE held.execution_id = EXCLUDED.execution_id
RETURNING held.asset_id
"""

_HOLDERS = """
SELECT asset_id, execution_id FROM opsc_asset_lease
WHERE asset_id = ANY(%(assets)s) AND execution_id <> %(execution)s ORDER BY asset_id
"""

# A heartbeat's time is shorter than that of the policy, with which a lease was taken: it only ever adds.
RENEW = """
WITH mine AS (
    SELECT asset_id FROM opsc_asset_lease WHERE execution_id = ANY(%(executions)s::uuid[])
    ORDER BY asset_id FOR UPDATE
)
UPDATE opsc_asset_lease held
SET expires_at = greatest(held.expires_at, statement_timestamp() + make_interval(secs => %(ttl)s))
FROM mine WHERE held.asset_id = mine.asset_id
"""

_RELEASE = """
WITH mine AS (
    SELECT asset_id FROM opsc_asset_lease
    WHERE execution_id = %(execution)s AND (NOT under_review OR %(reviewed)s)
    ORDER BY asset_id FOR UPDATE
)
DELETE FROM opsc_asset_lease held USING mine WHERE held.asset_id = mine.asset_id RETURNING held.asset_id
"""

_KEEP = """
WITH mine AS (
    SELECT asset_id FROM opsc_asset_lease
    WHERE execution_id = %(execution)s AND (%(asset)s::uuid IS NULL OR asset_id = %(asset)s)
    ORDER BY asset_id FOR UPDATE
)
UPDATE opsc_asset_lease held SET under_review = true, reason = left(%(reason)s, 300)
FROM mine WHERE held.asset_id = mine.asset_id
"""

_END_REVIEW = """
WITH mine AS (
    SELECT asset_id FROM opsc_asset_lease WHERE execution_id = %(execution)s ORDER BY asset_id FOR UPDATE
)
UPDATE opsc_asset_lease held SET under_review = false, reason = ''
FROM mine WHERE held.asset_id = mine.asset_id
"""


def acquire(
    *, tenant_id: int, execution_id: UUID, assets: Collection[UUID], worker: str, ttl_s: float
) -> None:
    """Take every asset for the execution, or none; asked again, it renews what the execution holds.

    Raises:
      AssetBusy: Another execution holds at least one of them.
    """
    parameters = {
        "tenant": tenant_id,
        "execution": execution_id,
        "assets": sorted(assets),
        "worker": worker,
        "ttl": ttl_s,
    }
    with transaction.atomic():
        if len(fetch(_ACQUIRE, parameters)) == len(set(assets)):
            return
        holders = fetch(_HOLDERS, {"assets": list(assets), "execution": execution_id})
        transaction.set_rollback(True)
    raise AssetBusy([Holder(row["asset_id"], row["execution_id"]) for row in holders])


def release(execution_id: UUID, *, reviewed: bool = False) -> list[UUID]:
    """Free what the execution holds; what is under review only when a person `reviewed` it.

    Returns: ids of the assets that became free.
    """
    rows = fetch(_RELEASE, {"execution": execution_id, "reviewed": reviewed})
    return [row["asset_id"] for row in rows]


def keep_for_review(execution_id: UUID, *, asset_id: UUID | None, reason: str) -> None:
    """Keep the execution's lease on one asset (or all) after its end, until a person releases it."""
    fetch(_KEEP, {"execution": execution_id, "asset": asset_id, "reason": reason})


def end_review(execution_id: UUID) -> None:
    """A person has decided: the execution's leases are ordinary ones again."""
    fetch(_END_REVIEW, {"execution": execution_id})
