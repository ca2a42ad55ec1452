"""Level 3 on the page of a run: let one step begin, or reject it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from executions import stepwise
from executions.errors import SignInAgain
from executions.models import Execution
from executions.web.forms import ApproveForm, RejectForm
from executions.web.permission import person
from executions.web.refusals import shows_refusals
from executions.web.second_step import again_address, signed_in


@require_POST
@shows_refusals
def approve(request: HttpRequest, execution_id: UUID, step: str) -> HttpResponse:
    """Let the step begin; refused when it is something else than the page showed."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    form = ApproveForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The approval form was damaged. Nothing was approved; look again.")
        return redirect("executions:detail", execution_id=found.pk)
    try:
        missing = stepwise.approve(
            found.pk,
            step,
            user=person(request),
            seen_hash=form.cleaned_data["approval_hash"],
            comment=form.cleaned_data["comment"],
            signed_in=signed_in(request),
        )
    except SignInAgain as refusal:
        messages.warning(request, f"{refusal} {refusal.hint}")
        return redirect(again_address(f"{reverse('executions:detail', args=[found.pk])}#gate-{step}"))
    told = f"Your approval counts. {missing} more needed." if missing else f"The step {step} may begin."
    messages.success(request, told)
    return redirect("executions:detail", execution_id=found.pk)


@require_POST
@shows_refusals
def reject(request: HttpRequest, execution_id: UUID, step: str) -> HttpResponse:
    """Refuse the step and cancel the run."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    form = RejectForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why you reject it: the requester needs to know. Nothing was changed.")
        return redirect("executions:detail", execution_id=found.pk)
    stepwise.reject(
        found.pk,
        step,
        user=person(request),
        comment=form.cleaned_data["comment"],
        signed_in=signed_in(request),
    )
    messages.success(request, f"The step {step} was rejected; the run is being cancelled.")
    return redirect("executions:detail", execution_id=found.pk)
