"""Break-glass on the page of a run: let it begin without its approval, and review that afterwards."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from executions import glass
from executions.errors import SignInAgain
from executions.models import Execution
from executions.web.forms import GlassForm, RejectForm
from executions.web.permission import person, require
from executions.web.refusals import shows_refusals
from executions.web.second_step import again_address, signed_in


@require_POST
@shows_refusals
def break_glass(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Let it begin; refused when it is something else than the page showed."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    require(request, "executions.break_glass", found)
    form = GlassForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say what the emergency is, in 1000 characters at most. Nothing was changed.")
        return redirect("executions:detail", execution_id=found.pk)
    try:
        glass.break_glass(
            found.pk,
            user=person(request),
            approval_hash=form.cleaned_data["approval_hash"],
            reason=form.cleaned_data["reason"],
            signed_in=signed_in(request),
        )
    except SignInAgain as refusal:
        messages.warning(request, f"{refusal} {refusal.hint}")
        return redirect(again_address(f"{reverse('executions:detail', args=[found.pk])}#glass"))
    messages.warning(
        request, "The glass is broken: it is queued without its approval, and an alert is on record."
    )
    return redirect("executions:detail", execution_id=found.pk)


@require_POST
@shows_refusals
def review(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Keep what somebody else thinks of it."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    form = RejectForm(request.POST)
    said = form.cleaned_data["comment"] if form.is_valid() else ""
    glass.review(found.pk, user=person(request), said=said)
    messages.success(request, "Your review is on record.")
    return redirect("executions:detail", execution_id=found.pk)
