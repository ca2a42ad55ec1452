"""The open dead letters: work that waits for a person."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from executions.models import DeadLetter
from executions.web import keyset

PAGE_SIZE = 50


@require_safe
def dead_letters(request: HttpRequest) -> HttpResponse:
    """Open dead letters of the person's tenants, newest first."""
    if not request.user.has_perm("executions.view_execution"):
        raise PermissionDenied("You are not a member of any tenant yet. A tenant admin can add you.")
    cursor = keyset.older_than(request.GET.get("after", ""), uuid_keys=False)
    rows = DeadLetter.objects.visible_to(request.user).filter(cursor, closed_at__isnull=True)
    rows = rows.select_related("execution", "step_run__step", "step_run__asset").defer("execution__plan")
    page = keyset.page_of(list(rows.order_by("-created_at", "-pk")[: PAGE_SIZE + 1]), PAGE_SIZE)
    return render(request, "executions/dead_letters.html", {"page": page})
