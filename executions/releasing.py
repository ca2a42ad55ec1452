"""A person frees what an execution holds: because it was kept for them, or by force from a holder at work."""

from typing import LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import control, dispatch, lifecycle
from executions.errors import Conflict, NotFound, Refused
from executions.lifecycle import By
from executions.models import Execution
from executions.rights import records_refusals, require
from executions.standing import names_of
from safety import leases
from safety.masking.typed import mask_typed
from safety.models import Lease
from safety.sql import fetch

CONSEQUENCE = (
    "The holder is told to stop, all of it and not only here; what it does on the asset at this moment may go on "
    "for some seconds, beside whoever takes the asset next. Its step there cannot succeed any more."
)

# Whether a step run is at work on it; of a resource, whether any is.
_AT_WORK: LiteralString = """
SELECT EXISTS (
    SELECT FROM opsc_step_run r WHERE r.execution_id = %(execution)s AND r.status = 'running'
      AND (r.asset_id = %(lockable)s OR NOT EXISTS (SELECT FROM opsc_asset a WHERE a.id = %(lockable)s))) AS yes
"""


@records_refusals
def release_lease(
    lockable_id: UUID, *, user: User, reason: str, execution_id: UUID | None = None, force: bool = False
) -> None:
    """Free an asset or resource that was kept for review, because a person says that it is safe.

    `execution_id`: only from this holder. `force`: also from a holder at work, whose execution is cancelled with
    the same reason in the same transaction; what its step says afterwards is not believed.

    Raises:
      NotFound, NotAllowed: No such lease for this person, or not theirs to release.
      Refused: No reason.
      Conflict: It is not under review and its holder is at work.
    """
    held = Lease.objects.filter(lockable_id=lockable_id).order_by("execution_id")
    if execution_id is not None:
        held = held.filter(execution_id=execution_id)
    found = list(held)
    if not found or not user.has_perm("executions.view_execution", found[0]):
        raise NotFound("Nobody holds this asset.")
    needed = "safety.force_release_lease" if force else "safety.release_lease"
    require(user, needed, found[0], "Only a tenant admin may release a lease.")
    if not reason.strip():
        raise Refused("A reason is needed.", hint="Say how you know that the asset is free.")
    words = mask_typed(reason)
    freed = sum([_free(lease, user, words, force=force) for lease in found])
    if not freed:
        raise Conflict(
            "The lease is not under review; its holder is at work.",
            hint="Cancel the holder, or take the lease away by force.",
        )


def holder_of(lease: Lease) -> str:
    """Who holds it, for the question before it is taken away."""
    holder = Execution.objects.filter(pk=lease.execution_id).select_related("requested_by").first()
    if holder is None:
        return "in use"
    return f"held by {holder.name} ({holder.requested_by.get_username()}, {holder.short_id})"


def _free(lease: Lease, user: User, reason: str, *, force: bool) -> bool:
    """Free one lease, unless it is another one by now or its holder is at work and force was not meant.

    The holder is stopped first: that locks all that it holds or waits for, in the one order.
    """
    by = By.user(user)
    same = Lease.objects.filter(pk=lease.pk, token=lease.token)
    with transaction.atomic():
        fetch(lifecycle.LOCK, {"execution": lease.execution_id})
        at_work = fetch(_AT_WORK, {"execution": lease.execution_id, "lockable": lease.lockable_id})[0]["yes"]
        now = same.first()
        if now is None or not (force or (now.under_review and not at_work)):
            return False
        name = names_of([lease.lockable_id]).get(lease.lockable_id, str(lease.lockable_id))
        lifecycle.record(
            "lock.force_released" if force else "lock.released",
            tenant_id=lease.tenant_id,
            execution_id=lease.execution_id,
            by=by,
            data={"asset": str(lease.lockable_id), "name": name, "reason": reason, "token": lease.token},
        )
        if force:
            control.stop_holder(lease.execution_id, by=by, reason=f"{name} was taken away from it: {reason}")
        fetch(leases.LOCK, {"ids": [lease.lockable_id]})
        same.delete()
        dispatch.wake(lifecycle.wake_waiting_for([lease.lockable_id]))
    return True
