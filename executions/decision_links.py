"""Signed links by which one person decides once about one approval, or about one step that waits to be let in.

A link is worth what it was made for: its person, its request, the hash of what would run. It dies with its first
use and with the request.
"""

from typing import Any, Final, LiteralString
from uuid import UUID

from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction

from executions import approvals, stepwise
from executions.errors import Conflict, NotFound
from executions.fresh import SignedIn
from executions.models import Approval, ApprovalLink, Execution, StepGate
from executions.plans.approved import gate_hash
from executions.rights import records_refusals
from safety.sql import fetch_one

METHOD: Final = "one-time approval link"
_SALT: Final = "opsconductor.approval-link"

_USE: LiteralString = """
UPDATE opsc_approval_link l SET used_at = statement_timestamp()
FROM opsc_approval a, auth_user u
WHERE l.id = %(id)s AND l.used_at IS NULL AND a.id = l.approval_id AND u.id = l.person_id AND u.is_active
RETURNING l.id
"""


def issue(execution: Execution, person: User, step_key: str = "") -> str:
    """The token of a new link for this person, about the run or one step of it.

    Raises:
      NotAllowed: They may not decide about it.
      Conflict: Nobody is asked about it now.
    """
    approvals.require_decision(execution, person)
    approval = Approval.objects.filter(execution=execution).first()
    gate, wanted = None, execution.approval_hash
    if step_key:
        gate = StepGate.objects.select_related("step").filter(execution=execution, step__key=step_key).first()
        wanted = gate_hash(wanted, gate.step.key, gate.step.spec) if gate else ""
    asked = gate if step_key else approval
    if approval is None or asked is None or asked.status != Approval.Status.REQUESTED:
        raise Conflict("Nobody is asked about this now.", hint="Look at the execution again.")
    link = ApprovalLink.objects.create(
        tenant=execution.tenant, approval=approval, gate=gate, person=person, approval_hash=wanted
    )
    return signing.dumps(link.pk.hex, salt=_SALT)


def read(token: str) -> ApprovalLink:
    """What a link is about. Raises NotFound: forged, used, over, or not that person's any more."""
    try:
        link_id = UUID(signing.loads(token, salt=_SALT))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise NotFound("This link is not one of ours, or it is damaged.") from None
    rows = ApprovalLink.objects.select_related("approval__execution", "gate__step", "person", "tenant")
    link: ApprovalLink | None = rows.filter(pk=link_id, used_at=None, person__is_active=True).first()
    if link is None or (link.gate or link.approval).status != Approval.Status.REQUESTED:
        raise NotFound("This link was used, or what it asked about is decided or over.")
    return link


@records_refusals
def approve(link: ApprovalLink, *, comment: str, signed_in: SignedIn) -> int:
    """Approve what the link is about; from level 2 on `signed_in` has to be young. Returns: how many more it needs.

    Raises like `approvals.approve`, and NotFound when somebody used it meanwhile; then it was not used up.
    """
    execution = link.approval.execution
    with transaction.atomic():
        _use(link)
        given: Any = {"user": link.person, "comment": comment, "signed_in": signed_in}
        if link.gate:
            return stepwise.approve(execution.pk, link.gate.step.key, seen_hash=link.approval_hash, **given)
        return approvals.approve(execution.pk, approval_hash=link.approval_hash, **given)


@records_refusals
def reject(link: ApprovalLink, *, comment: str, signed_in: SignedIn) -> None:
    """Reject what the link is about. Raises like `approvals.reject`, and NotFound like `approve`."""
    execution = link.approval.execution
    with transaction.atomic():
        _use(link)
        given: Any = {"user": link.person, "comment": comment, "signed_in": signed_in}
        if link.gate:
            stepwise.reject(execution.pk, link.gate.step.key, **given)
        else:
            approvals.reject(execution.pk, **given)


def _use(link: ApprovalLink) -> None:
    """Once, whoever else tries at the same moment."""
    if fetch_one(_USE, {"id": link.pk}) is None:
        raise NotFound("This link was used, or what it asked about is decided or over.")
