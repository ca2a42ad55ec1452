"""The page of an asset: who holds it, who waits for it, for whom it is reserved, and what was done on it."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from executions import releasing, reservations
from executions.models import Asset, StepRun
from executions.standing import Standing, standings
from executions.web import keyset
from executions.web.forms import ReasonForm, ReserveForm
from executions.web.permission import person, require
from executions.web.refusals import shows_refusals

PAGE_SIZE = 50


@dataclass(frozen=True)
class Offers:
    """What this person may do here."""

    reserve: bool
    end_reservation: bool
    release: bool
    force: bool


@require_safe
def asset(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    """Everything about one asset."""
    found = get_object_or_404(Asset.objects.visible_to(request.user), pk=asset_id)
    require(request, "executions.view_execution", found)
    standing = standings([found.pk])[0]
    context = {
        "asset": found,
        "standing": standing,
        "line": [(waiter, standing.waits_s(waiter)) for waiter in standing.line],
        "offers": _offers(request, found, standing),
        "consequence": releasing.CONSEQUENCE,
        "page": _recent(request, found),
    }
    return render(request, "executions/asset.html", context)


@require_POST
@shows_refusals
def reserve(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    """Keep the asset for one's own executions."""
    found = get_object_or_404(Asset.objects.visible_to(request.user), pk=asset_id)
    require(request, "safety.reserve_asset", found)
    form = ReserveForm(request.POST)
    if not form.is_valid():
        return _back(request, found, "Say why, and for how many minutes (at most 43200).")
    reservation = reservations.reserve(
        found.pk, user=person(request), reason=form.cleaned_data["reason"], lasts_s=form.lasts_s
    )
    messages.success(request, f"{found.name} is yours until {reservation.ends_at:%Y-%m-%d %H:%M} UTC.")
    return redirect("executions:asset", asset_id=found.pk)


@require_POST
@shows_refusals
def unreserve(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    """End a reservation before its time."""
    found = get_object_or_404(Asset.objects.visible_to(request.user), pk=asset_id)
    require(request, "executions.view_execution", found)
    reservations.end_reservation(found.pk, user=person(request))
    messages.success(request, f"{found.name} is no longer reserved.")
    return redirect("executions:asset", asset_id=found.pk)


@require_POST
@shows_refusals
def release(request: HttpRequest, asset_id: UUID, execution_id: UUID) -> HttpResponse:
    """Free the asset from one holder; by force when the form says so and the person may."""
    found = get_object_or_404(Asset.objects.visible_to(request.user), pk=asset_id)
    force = "force" in request.POST
    require(request, "safety.force_release_lease" if force else "safety.release_lease", found)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _back(request, found, "A reason of at most 300 characters is needed.")
    releasing.release_lease(
        found.pk,
        user=person(request),
        reason=form.cleaned_data["reason"],
        execution_id=execution_id,
        force=force,
    )
    messages.success(request, f"{found.name} was released.")
    return redirect("executions:asset", asset_id=found.pk)


def _offers(request: HttpRequest, found: Asset, standing: Standing) -> Offers:
    user = request.user
    mine = standing.reserved is not None and standing.reserved.person_id == user.pk
    return Offers(
        reserve=standing.reserved is None and user.has_perm("safety.reserve_asset", found),
        end_reservation=standing.reserved is not None
        and (mine or user.has_perm("safety.administer_tenant", found)),
        release=user.has_perm("safety.release_lease", found),
        force=user.has_perm("safety.force_release_lease", found),
    )


def _recent(request: HttpRequest, found: Asset) -> keyset.Page[StepRun]:
    cursor = keyset.older_than(request.GET.get("after", ""), by="started_at")
    runs = StepRun.objects.visible_to(request.user).filter(
        cursor, asset_id=found.pk, started_at__isnull=False
    )
    runs = runs.select_related("step", "execution__requested_by").defer("execution__plan")
    return keyset.page_of(
        list(runs.order_by("-started_at", "-pk")[: PAGE_SIZE + 1]), PAGE_SIZE, by="started_at"
    )


def _back(request: HttpRequest, found: Asset, problem: str) -> HttpResponse:
    messages.error(request, f"{problem} Nothing was changed.")
    return redirect("executions:asset", asset_id=found.pk)
