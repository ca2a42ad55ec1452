"""The page of switches: what is switched off, since when, by whom and until when; switch off, and lift."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from executions import switching
from executions.switches import may_turn, visible
from executions.switching import Scope
from executions.web import keyset
from executions.web.permission import person
from executions.web.refusals import shows_refusals
from executions.web.switch_forms import LiftForm, SwitchForm
from safety.models import Switch

PAGE_SIZE = 50


@require_safe
def switches(request: HttpRequest) -> HttpResponse:
    """Standing switches first, then what was."""
    return render(request, "executions/switches.html", _context(request, SwitchForm(person(request))))


@require_POST
@shows_refusals
def turn(request: HttpRequest) -> HttpResponse:
    """Switch something off."""
    form = SwitchForm(person(request), request.POST)
    if not form.is_valid():
        return render(request, "executions/switches.html", _context(request, form), status=400)
    given = form.cleaned_data
    scope = Scope(tenant=given["tenant"], environment=given["environment"], connector=given["connector"])
    switch = switching.turn(
        scope, mode=given["mode"], user=person(request), reason=given["reason"], lasts_s=form.lasts_s
    )
    messages.success(request, f"Switched off until {switch.ends_at:%Y-%m-%d %H:%M} UTC: {switch.scope}.")
    return redirect("executions:switches")


@require_POST
@shows_refusals
def lift(request: HttpRequest, switch_id: int) -> HttpResponse:
    """End a switch before its time."""
    form = LiftForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A reason of at most 300 characters is needed. Nothing was changed.")
        return redirect("executions:switches")
    switch = switching.lift(switch_id, user=person(request), reason=form.cleaned_data["reason"])
    messages.success(request, f"Lifted: {switch.scope}. What waited begins again.")
    return redirect("executions:switches")


def _context(request: HttpRequest, form: SwitchForm) -> dict[str, object]:
    user: User = person(request)
    seen = visible(user)
    if not (user.is_superuser or user.has_perm("executions.view_execution")):
        raise PermissionDenied("You are not a member of any tenant yet. A tenant admin can add you.")
    standing = list(seen.filter(pk__in=Switch.objects.standing()).order_by("-pk")[:PAGE_SIZE])
    cursor = keyset.older_than(request.GET.get("after", ""), by="turned_at", uuid_keys=False)
    over = seen.filter(cursor, ~Q(pk__in=Switch.objects.standing())).order_by("-turned_at", "-pk")
    return {
        "form": form,
        "standing": [(switch, may_turn(switch, user)) for switch in standing],
        "page": keyset.page_of(list(over[: PAGE_SIZE + 1]), PAGE_SIZE, by="turned_at"),
    }
