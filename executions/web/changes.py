"""What a person does to an execution from its page: cancel, retry, decide, look again."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from executions import confirming, control, resolution
from executions.models import Execution, StepRun
from executions.plans import PlanInvalid
from executions.web.forms import ReasonForm, ResolveForm, RetryForm
from executions.web.permission import person, require
from executions.web.refusals import shows_refusals
from executions.web.running import begin

_RESOLVED = {
    "succeeded": "The step counts as succeeded.",
    "retry": "The step runs once more.",
    "skip": "The step is skipped.",
    "abort": "The step counts as failed and the run ends.",
}


@require_POST
@shows_refusals
def cancel(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """End an execution."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    if not control.is_withdrawal(found, person(request)):
        require(request, "executions.cancel_execution", found)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _back(request, found, "A reason of at most 300 characters is needed to cancel.")
    control.request_cancel(found.pk, user=person(request), reason=form.cleaned_data["reason"])
    messages.success(request, "Cancel was asked. What has not begun will not begin; what runs is ended.")
    return redirect("executions:detail", execution_id=found.pk)


@require_POST
@shows_refusals
def retry(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Run the same plan again as a new execution, all of it or what did not succeed."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    require(request, "executions.retry_execution", found)
    form = RetryForm(request.POST)
    form.is_valid()
    try:
        submitted = control.retry(
            found.pk,
            user=person(request),
            failed_only=form.cleaned_data["failed_only"],
            confirmed=form.cleaned_data["confirmed"],
        )
    except PlanInvalid as invalid:
        context = {"execution": found, "problems": invalid.problems}
        return render(request, "executions/cannot_retry.html", context, status=409)
    begin(submitted)
    messages.success(request, f"This run repeats {found.short_id}.")
    return redirect("executions:detail", execution_id=submitted.execution_id)


@require_POST
@shows_refusals
def resolve(request: HttpRequest, step_run_id: UUID) -> HttpResponse:
    """Decide about a step run whose outcome nobody knows."""
    run = get_object_or_404(StepRun.objects.visible_to(request.user), pk=step_run_id)
    require(request, "executions.resolve_execution", run)
    form = ResolveForm(request.POST)
    if not form.is_valid():
        return _back(request, run.execution, "Choose what happened, and say how you know it.")
    decision = form.cleaned_data["decision"]
    resolution.resolve(run.pk, user=person(request), decision=decision, reason=form.cleaned_data["reason"])
    messages.success(request, _RESOLVED[decision])
    return redirect("executions:detail", execution_id=run.execution_id)


@require_POST
@shows_refusals
def confirm(request: HttpRequest, step_run_id: UUID) -> HttpResponse:
    """Have an end that is not proven looked at again."""
    run = get_object_or_404(StepRun.objects.visible_to(request.user), pk=step_run_id)
    require(request, "executions.resolve_execution", run.execution)
    look = confirming.confirm(run.pk, user=person(request))
    tell = messages.success if look.confirmed else messages.error
    tell(request, look.sentence)
    return redirect("executions:detail", execution_id=run.execution_id)


def _back(request: HttpRequest, found: Execution, problem: str) -> HttpResponse:
    messages.error(request, f"{problem} Nothing was changed.")
    return redirect("executions:detail", execution_id=found.pk)
