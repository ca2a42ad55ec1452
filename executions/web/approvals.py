"""Approvals: the queue of my tenants, approve and reject."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from executions import approvals, withdrawing
from executions.authority import may_decide
from executions.errors import SignInAgain
from executions.glass import may_review
from executions.models import Approval, Execution, StepGate, Vote
from executions.states import ExecutionStatus
from executions.web.forms import ApproveForm, ReasonForm, RejectForm
from executions.web.permission import person
from executions.web.refusals import shows_refusals
from executions.web.second_step import again_address, signed_in
from safety.glance import one_glance

QUEUE_SHOWN = 100


@require_safe
@one_glance()
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for an approval, the most urgent first."""
    if not request.user.has_perm("executions.view_execution"):
        raise PermissionDenied("You are not a member of any tenant yet. A tenant admin can add you.")
    waiting = Approval.objects.visible_to(request.user).filter(
        status=Approval.Status.REQUESTED, expires_at__gt=Now()
    )
    waiting = waiting.annotate(
        given=Count("votes", filter=Q(votes__decision=Vote.Decision.APPROVED, votes__gate=None))
    )
    rows = waiting.select_related("execution", "execution__requested_by", "tenant").defer("execution__plan")
    shown = list(rows.order_by("expires_at")[: QUEUE_SHOWN + 1])
    gates = StepGate.objects.visible_to(request.user).filter(
        status=StepGate.Status.REQUESTED, expires_at__gt=Now(), execution__finished_at=None
    )
    gates = gates.select_related(
        "step", "execution", "execution__requested_by", "execution__approval", "tenant"
    ).defer("execution__plan")
    context = {
        "gates": [
            (gate, may_decide(gate.execution, request.user))
            for gate in gates.order_by("expires_at")[:QUEUE_SHOWN]
        ],
        "approvals": [
            (approval, may_decide(approval.execution, request.user)) for approval in shown[:QUEUE_SHOWN]
        ],
        "is_cut": len(shown) > QUEUE_SHOWN,
        "unreviewed": _unreviewed(request),
        "limit": QUEUE_SHOWN,
    }
    return render(request, "executions/approvals.html", context)


def _unreviewed(request: HttpRequest) -> list[tuple[Approval, str]]:
    """What began without its approval and nobody looked at, with why this person may not review it."""
    broken = Approval.objects.visible_to(request.user).filter(
        status=Approval.Status.BREAK_GLASS, reviewed_by=None
    )
    rows = broken.select_related("execution", "decided_by", "tenant").defer("execution__plan")
    user = person(request)
    return [(one, may_review(one.execution, user)) for one in rows.order_by("decided_at")[:QUEUE_SHOWN]]


@require_POST
@shows_refusals
def approve(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Approve what the page showed; refused when it is something else by now."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    approvals.require_decision(found, person(request))
    form = ApproveForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The approval form was damaged. Nothing was approved; look again.")
        return redirect("executions:detail", execution_id=found.pk)
    try:
        missing = approvals.approve(
            found.pk,
            user=person(request),
            approval_hash=form.cleaned_data["approval_hash"],
            comment=form.cleaned_data["comment"],
            signed_in=signed_in(request),
        )
    except SignInAgain as refusal:
        messages.warning(request, f"{refusal} {refusal.hint}")
        return redirect(again_address(f"{reverse('executions:detail', args=[found.pk])}#decide"))
    told = f"Your approval counts. {missing} more needed." if missing else "Approved. It is queued now."
    messages.success(request, told)
    return redirect("executions:detail", execution_id=found.pk)


@require_POST
@shows_refusals
def reject(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Refuse it for good."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    approvals.require_decision(found, person(request))
    form = RejectForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why you reject it: the requester needs to know. Nothing was changed.")
        return redirect("executions:detail", execution_id=found.pk)
    approvals.reject(
        found.pk,
        user=person(request),
        comment=form.cleaned_data["comment"],
        signed_in=signed_in(request),
    )
    messages.success(request, "Rejected. It will not run.")
    return redirect("executions:detail", execution_id=found.pk)


@require_POST
@shows_refusals
def take_back(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Take one's own approval back."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A reason of at most 300 characters is needed. Nothing was changed.")
        return redirect("executions:detail", execution_id=found.pk)
    status = withdrawing.take_back(found.pk, user=person(request), reason=form.cleaned_data["reason"])
    still = "The run goes on waiting." if status == ExecutionStatus.PENDING_APPROVAL else ""
    messages.success(request, f"Your approval does not count any more. {still}".strip())
    return redirect("executions:detail", execution_id=found.pk)
