"""A person keeps an asset for themselves for a while."""

from typing import LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import dispatch, lifecycle
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.lifecycle import By
from executions.models import Asset
from executions.rights import records_refusals, require
from safety import leases
from safety.masking.typed import words_of
from safety.models import Reservation
from safety.sql import Row, fetch, fetch_one

LONGEST_S = 30 * 86_400

_RESERVE: LiteralString = """
INSERT INTO opsc_reservation (tenant_id, asset_id, person_id, reason, ends_at, ended_by)
VALUES (%(tenant)s, %(asset)s, %(person)s, %(reason)s, statement_timestamp() + make_interval(secs => %(lasts)s), '')
ON CONFLICT (asset_id) WHERE ended_at IS NULL DO NOTHING RETURNING id, ends_at
"""

_END: LiteralString = """
UPDATE opsc_reservation SET ended_at = least(ends_at, statement_timestamp()), ended_by = %(by)s
WHERE id = %(id)s AND ended_at IS NULL RETURNING id
"""

_DUE: LiteralString = """
SELECT id, tenant_id, asset_id FROM opsc_reservation
WHERE ended_at IS NULL AND ends_at <= statement_timestamp() ORDER BY ends_at LIMIT 200
"""

_DUE_OF_ASSET: LiteralString = """
SELECT id, tenant_id, asset_id FROM opsc_reservation
WHERE asset_id = %(asset)s AND ended_at IS NULL AND ends_at <= statement_timestamp()
"""


@records_refusals
def reserve(asset_id: UUID, *, user: User, reason: str, lasts_s: float) -> Reservation:
    """Let only the person's own executions take the asset, for so many seconds or until it is ended.

    Who holds the asset now keeps it to its end.

    Raises:
      NotFound, NotAllowed: No such asset for this person, or their role may not reserve.
      Refused: No reason, or an end that is past or more than 30 days away.
      Conflict: It is reserved already.
    """
    asset = Asset.objects.visible_to(user).filter(pk=asset_id).first()
    if asset is None:
        raise NotFound(f"There is no asset {asset_id}.")
    require(
        user, "safety.reserve_asset", asset, "Reserving an asset needs the role operator or tenant admin."
    )
    reason = words_of(reason)
    if not reason:
        raise Refused("A reason is needed.", hint="Say what you are going to do with it.")
    if not 0 < lasts_s <= LONGEST_S:
        raise Refused("A reservation ends in the future, and at most 30 days from now.")
    return _made(asset, user, reason, lasts_s)


def _made(asset: Asset, user: User, reason: str, lasts_s: float) -> Reservation:
    with transaction.atomic():
        _lock(asset.pk, asset.tenant_id)
        for row in fetch(_DUE_OF_ASSET, {"asset": asset.pk}):
            _end(row, By.system(), "it came to its end")
        wanted = {"tenant": asset.tenant_id, "asset": asset.pk, "person": user.pk}
        made = fetch_one(_RESERVE, wanted | {"reason": reason[:300], "lasts": float(lasts_s)})
        if made is None:
            raise _objection(asset)
        until = made["ends_at"].isoformat()
        lifecycle.record(
            "lock.reserved",
            tenant_id=asset.tenant_id,
            execution_id=None,
            by=By.user(user),
            data={"asset": str(asset.pk), "name": asset.name, "reason": reason, "until": until},
        )
    return Reservation.objects.get(pk=made["id"])


def end_reservation(asset_id: UUID, *, user: User, reason: str = "") -> None:
    """End the reservation of an asset before its time: one's own, or as a tenant admin anyone's.

    Raises:
      NotFound, NotAllowed: No such asset or reservation for this person, or somebody else's.
    """
    asset = Asset.objects.visible_to(user).filter(pk=asset_id).first()
    standing = Reservation.objects.standing().filter(asset_id=asset_id).select_related("person").first()
    if asset is None or standing is None:
        raise NotFound("This asset is not reserved.")
    if standing.person_id != user.pk and not user.has_perm("safety.administer_tenant", asset):
        raise NotAllowed(
            f"It is reserved by {standing.person.get_username()}.", hint="They or a tenant admin can end it."
        )
    with transaction.atomic():
        _lock(asset.pk, asset.tenant_id)
        row = {"id": standing.pk, "tenant_id": asset.tenant_id, "asset_id": asset.pk}
        _end(row, By.user(user), words_of(reason) or "ended before its time")


def end_due() -> int:
    """End every reservation whose time has come. Returns: how many."""
    due = fetch(_DUE)
    for row in due:
        with transaction.atomic():
            _lock(row["asset_id"], row["tenant_id"])
            _end(row, By.system(), "it came to its end")
    return len(due)


def _end(row: Row, by: By, reason: str) -> None:
    if not fetch(_END, {"id": row["id"], "by": by.name}):
        return
    lifecycle.record(
        "lock.reservation_ended",
        tenant_id=row["tenant_id"],
        execution_id=None,
        by=by,
        data={"asset": str(row["asset_id"]), "reason": reason},
    )
    dispatch.wake(lifecycle.wake_waiting_for([row["asset_id"]]))


def _lock(asset_id: UUID, tenant_id: int) -> None:
    """Whoever takes the asset at this moment comes before or after."""
    fetch(leases.MAKE_LOCKABLE, {"id": asset_id, "tenant": tenant_id})
    fetch(leases.LOCK, {"ids": [asset_id]})


def _objection(asset: Asset) -> Conflict:
    other = Reservation.objects.standing().filter(asset_id=asset.pk).select_related("person").first()
    who = f" by {other.person.get_username()}: {other.reason}" if other else ""
    return Conflict(f"{asset.name} is reserved already{who}.")
