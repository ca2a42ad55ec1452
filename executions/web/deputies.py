"""Who approves for me, and for whom I do: see it, name a deputy, end it."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from executions import deputies
from executions.errors import NotFound, SignInAgain
from executions.fresh import SignedIn
from executions.web.forms import ReasonForm
from executions.web.permission import person
from executions.web.refusals import shows_refusals
from executions.web.second_step import again_address, signed_in
from safety.models import Delegation, Tenant
from safety.visibility import tenants_visible_to

SHOWN = 100


class DeputyForm(ReasonForm):
    """Whom, where, until when and why."""

    field_order = ("tenant", "name", "days", "reason")
    tenant = forms.ModelChoiceField(Tenant.objects.none(), empty_label=None)
    name = forms.CharField(max_length=150, label="User name of the deputy")
    days = forms.FloatField(
        min_value=0.01, max_value=deputies.LONGEST_DAYS, initial=7, label="Ends by itself after so many days"
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Tenant.objects.filter(pk__in=tenants_visible_to(user)).order_by("name")
        able = [one.pk for one in mine if user.has_perm("executions.approve_execution", one)]
        field = self.fields["tenant"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (declared above; for the type checker)
        field.queryset = mine.filter(pk__in=able)
        self.fields["reason"].label = "Why; shown wherever they approve for you"
        self.can_delegate = bool(able)


@require_http_methods(["GET", "HEAD", "POST"])
@shows_refusals
def page(request: HttpRequest) -> HttpResponse:
    """The delegations that concern the person; a POST makes one."""
    user = person(request)
    if request.method != "POST":
        return render(request, "executions/deputies.html", _context(user, DeputyForm(user)))
    form = DeputyForm(user, request.POST)
    try:
        made = _make(user, form, signed_in(request)) if form.is_valid() else None
    except SignInAgain as refusal:
        messages.warning(request, f"{refusal} {refusal.hint}")
        return redirect(again_address(reverse("executions:deputies")))
    if made is None:
        return render(request, "executions/deputies.html", _context(user, form), status=400)
    messages.success(request, f"{made}, until {made.ends_at:%Y-%m-%d %H:%M} UTC.")
    return redirect("executions:deputies")


@require_POST
@shows_refusals
def end(request: HttpRequest, delegation_id: int) -> HttpResponse:
    """End one before its time."""
    deputies.end(delegation_id, user=person(request))
    messages.success(request, "Ended. What was approved under it and has not ended does not count any more.")
    return redirect("executions:deputies")


def _make(user: User, form: DeputyForm, how: SignedIn) -> Delegation | None:
    given = form.cleaned_data
    try:
        return deputies.delegate(
            given["tenant"],
            user=user,
            deputy=User.objects.filter(username=given["name"], is_active=True).first(),
            ends_at=timedelta(days=given["days"]),
            reason=given["reason"],
            signed_in=how,
        )
    except NotFound as unknown:
        form.add_error("name", str(unknown))
        return None


def _context(user: User, form: DeputyForm) -> dict[str, object]:
    rows = Delegation.objects.visible_to(user).select_related("giver", "deputy", "tenant")
    seen = rows.filter(tenant_id__in=tenants_visible_to(user))
    standing = seen.filter(pk__in=Delegation.objects.open())
    over = seen.exclude(pk__in=Delegation.objects.open()).order_by("-pk")
    return {
        "form": form,
        "standing": standing.order_by("ends_at", "pk")[:SHOWN],
        "over": over[:SHOWN],
    }
