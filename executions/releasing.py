"""A person frees what an execution holds: because it was kept for them, or by force from a holder at work."""

from typing import LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from executions import control, dispatch, lifecycle
from executions.errors import Conflict, NotFound, Refused
from executions.lifecycle import By
from executions.models import Asset, Execution
from executions.rights import Reach, records_refusals, require
from executions.standing import names_of
from executions.states import StepStatus
from safety import leases, rbac
from safety.masking.typed import words_of
from safety.models import Lease
from safety.sql import fetch, fetch_one

CONSEQUENCE = (
    "The holder is told to stop, all of it and not only here; what it does on the asset at this moment may go on "
    "for some seconds, beside whoever takes the asset next. Its step there cannot succeed any more."
)

# A step run that is at work on it, or may be: what a worker left behind goes on by itself until it is taken up again,
# or a person has decided about it. Of a resource, any.
_AT_WORK: LiteralString = """
SELECT s.key, r.status FROM opsc_step_run r JOIN opsc_step s ON s.id = r.step_id
WHERE r.execution_id = %(execution)s
  AND (r.status = 'running' OR (r.status = 'ready' AND r.resume)
       OR (r.status = 'interrupted' AND s.survives_worker))
  AND (r.asset_id = %(lockable)s OR NOT EXISTS (SELECT FROM opsc_asset a WHERE a.id = %(lockable)s))
ORDER BY r.status <> 'running', r.status, r.position LIMIT 1
"""

_WHAT_IS_THERE = {
    StepStatus.RUNNING: "runs",
    StepStatus.READY: "was begun and waits for a worker that takes it up again",
    StepStatus.INTERRUPTED: "ended in the unknown, and nobody has decided about it: it may still run",
}


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
      Conflict: Its holder is at work, or may be.
    """
    held = Lease.objects.filter(lockable_id=lockable_id).order_by("execution_id")
    if execution_id is not None:
        held = held.filter(execution_id=execution_id)
    found = [lease for lease in held if user.has_perm("executions.view_execution", lease)]
    if not found:
        raise NotFound("Nobody holds this asset.")
    needed = "safety.force_release_lease" if force else "safety.release_lease"
    for lease in found:
        require(user, needed, _reach(lease, force=force), "Only a tenant admin may release a lease.")
    words = words_of(reason)
    if not words:
        raise Refused("A reason is needed.", hint="Say how you know that the asset is free.")
    objections = [_free(lease, user, words, force=force) for lease in found]
    if all(objections):
        raise Conflict(objections[0], hint="Cancel the holder, or take the lease away by force.")


def holder_of(lease: Lease) -> str:
    """Who holds it, for the question before it is taken away."""
    holder = Execution.objects.filter(pk=lease.execution_id).select_related("requested_by").first()
    if holder is None:
        return "in use"
    return f"held by {holder.name} ({holder.requested_by.get_username()}, {holder.short_id})"


def _reach(lease: Lease, *, force: bool) -> Reach:
    """Where the asset is; of a resource, which is nowhere, and of a holder that is stopped, all that it touches."""
    asset = Asset.objects.filter(pk=lease.lockable_id).first()
    touches = [] if asset is None else [f"{asset.environment}:"]
    if force or asset is None:
        holder = Execution.objects.filter(pk=lease.execution_id).first()
        touches += [":".join(pair) for pair in (rbac.touched_by(holder) if holder else rbac.EVERYTHING)]
    return Reach(
        tenant_id=lease.tenant_id,
        touches=tuple(touches),
        execution_id=lease.execution_id,
        lockable_id=lease.lockable_id,
    )


def _free(lease: Lease, user: User, reason: str, *, force: bool) -> str:
    """Free one lease, unless it is another one by now or its holder is at work and force was not meant.

    The holder is stopped first: that locks all that it holds or waits for, in the one order.
    Returns: why it was not freed, as a sentence; empty when it was.
    """
    by = By.user(user)
    same = Lease.objects.filter(pk=lease.pk, token=lease.token)
    with transaction.atomic():
        fetch(lifecycle.LOCK, {"execution": lease.execution_id})
        now = same.first()
        if now is None:
            return "It is another lease by now."
        objection = "" if force else _objection(now)
        if objection:
            return objection
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
    return ""


def _objection(lease: Lease) -> str:
    """Why it cannot be freed without force, as a sentence; empty when it can."""
    there = fetch_one(_AT_WORK, {"execution": lease.execution_id, "lockable": lease.lockable_id})
    if there:
        return f"Its holder is at work: the step {there['key']} {_WHAT_IS_THERE[there['status']]}."
    return "" if lease.under_review else "The lease is not under review; its holder is at work."
