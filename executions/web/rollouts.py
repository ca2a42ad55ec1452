"""The page of rollouts: each tenant's phase, whether it is ready for the next, and the form that changes it."""

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from executions import rolling
from executions.monitoring.golive import Step, verdict
from executions.rolling import Wanted
from executions.rollout import rollout_of
from executions.web.forms import ReasonForm
from executions.web.permission import person
from executions.web.refusals import shows_refusals
from safety.models import Phase, Tenant
from safety.models.rollout import HIGHEST_LEVEL, LEAST_PERCENT, MOST_PERCENT
from safety.visibility import tenants_visible_to

MOST_SHOWN = 20
_AUTO_ID = "id_{slug}_%s"
# What is asked about in each phase: whether to go on to the next.
_NEXT = {Phase.OFF: Step.DARK, Phase.SHADOW: Step.DARK, Phase.CANARY: Step.CANARY, Phase.FULL: Step.FULL}


class RolloutForm(ReasonForm):
    """The phase to come, and why."""

    field_order = ("phase", "percent", "most_level", "reason", "cancel_open")
    phase = forms.ChoiceField(choices=Phase.choices)
    percent = forms.IntegerField(
        min_value=LEAST_PERCENT,
        max_value=MOST_PERCENT,
        initial=LEAST_PERCENT,
        label="Canary: percent of plans",
    )
    most_level = forms.IntegerField(
        min_value=0, max_value=HIGHEST_LEVEL, initial=1, label="Canary: highest approval level"
    )
    cancel_open = forms.BooleanField(required=False, label="Cancel what is under way, too")


@require_safe
def rollouts(request: HttpRequest) -> HttpResponse:
    """The tenants that the person sees."""
    return _page(request, person(request))


@require_POST
@shows_refusals
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Set the phase of one tenant."""
    user = person(request)
    tenant = get_object_or_404(_tenants(user), slug=slug)
    form = RolloutForm(request.POST, auto_id=_AUTO_ID.format(slug=tenant.slug))
    if not form.is_valid():
        return _page(request, user, wrong=(tenant, form))
    given = form.cleaned_data
    wanted = Wanted(phase=given["phase"], percent=given["percent"], most_level=given["most_level"])
    made = rolling.change(tenant, wanted, user=user, reason=given["reason"], cancel_open=given["cancel_open"])
    messages.success(request, f"{tenant.name}: {made}. It counts for every submission from now on.")
    return redirect("executions:rollouts")


def _page(request: HttpRequest, user: User, wrong: tuple[Tenant, RolloutForm] | None = None) -> HttpResponse:
    """`wrong`: a form that cannot be meant, shown as it was typed and before the others."""
    seen = _tenants(user)
    if not seen and not user.is_superuser:
        raise PermissionDenied("You are not a member of any tenant yet. A tenant admin can add you.")
    rows = [_row(tenant, user) for tenant in seen[:MOST_SHOWN]]
    if wrong:
        tenant, form = wrong
        mine = _row(tenant, user)
        typed = form if mine["form"] else None
        rows = [mine | {"form": typed}, *(row for row in rows if row["tenant"] != tenant)]
    context = {"rows": rows, "is_cut": len(seen) > MOST_SHOWN, "limit": MOST_SHOWN}
    return render(request, "executions/rollouts.html", context, status=400 if wrong else 200)


def _tenants(user: User) -> QuerySet[Tenant]:
    seen = Tenant.objects.order_by("name")
    return seen if user.is_superuser else seen.filter(pk__in=tenants_visible_to(user))


def _row(tenant: Tenant, user: User) -> dict[str, object]:
    now = rollout_of(tenant)
    form = RolloutForm(
        auto_id=_AUTO_ID.format(slug=tenant.slug),
        initial={"phase": now.phase, "percent": now.percent, "most_level": now.most_level},
    )
    return {
        "tenant": tenant,
        "rollout": now,
        "verdict": verdict(tenant, _NEXT[Phase(now.phase)]),
        "form": form if rolling.may_change(tenant, user) else None,
    }
