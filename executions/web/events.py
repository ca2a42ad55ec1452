"""Every event of one execution, newest first."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from executions.models import Event, Execution
from executions.web.permission import require

PAGE_SIZE = 200


@require_safe
def events(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """A page of the history; `before` is the id of an event."""
    found = get_object_or_404(Execution.objects.visible_to(request.user).defer("plan"), pk=execution_id)
    require(request, "executions.view_execution", found)
    rows = Event.objects.visible_to(request.user).filter(execution_id=found.pk)
    if before := request.GET.get("before", ""):
        if not before.isascii() or not before.isdecimal() or len(before) > 18:
            raise BadRequest("This page address is damaged. Start again from the first page.")
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows.select_related("step_run__step", "step_run__asset").order_by("-id")[: PAGE_SIZE + 1])
    older = shown[PAGE_SIZE - 1].pk if len(shown) > PAGE_SIZE else None
    context = {"execution": found, "events": shown[:PAGE_SIZE], "older": older}
    return render(request, "executions/events.html", context)
