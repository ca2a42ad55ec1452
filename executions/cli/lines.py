"""Leases, waiting lines and reservations as lines for people and data for programs."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from rich.console import Console
from rich.text import Text

from executions.cli.failing import BadInput
from executions.cli.plain import one_line
from executions.models import Asset
from executions.standing import Standing
from executions.web.telling import duration
from safety.models import Lease, LinePlace, Reservation, Resource
from safety.visibility import tenants_visible_to

MOST_LISTED = 200


def find_lockable(name: str, user: User) -> UUID:
    """The asset or resource of this name, among those of the person's tenants. Raises BadInput."""
    found: list[UUID] = list(
        Asset.objects.visible_to(user).filter(name=name).values_list("pk", flat=True)[:2]
    )
    found += Resource.objects.filter(tenant_id__in=tenants_visible_to(user), name=name).values_list(
        "pk", flat=True
    )[:2]
    if not found:
        raise BadInput(f"There is no asset or resource {name[:60]!r} that you may see.")
    if len(found) > 1:
        raise BadInput(f"Several are called {name[:60]!r}.", hint="Use the page of the one you mean.")
    return found[0]


def busy_lockables(user: User) -> list[UUID]:
    """What is held, waited for or reserved in the person's tenants; the first two hundred."""
    tenants = tenants_visible_to(user)
    rows: list[QuerySet[Any, UUID]] = [
        Lease.objects.filter(tenant_id__in=tenants).values_list("lockable_id", flat=True),
        LinePlace.objects.filter(tenant_id__in=tenants).values_list("lockable_id", flat=True),
        Reservation.objects.standing().filter(tenant_id__in=tenants).values_list("asset_id", flat=True),
    ]
    return sorted({lockable for some in rows for lockable in some.distinct()[:MOST_LISTED]})[:MOST_LISTED]


def show_standing(console: Console, standing: Standing) -> None:
    """A line for the thing, and one for each holder and waiter."""
    capacity = "" if standing.capacity is None else f" ({standing.capacity} in all)"
    reserved = f", {one_line(str(standing.reserved), 200)}" if standing.reserved else ""
    free = "" if standing.holders else ", free"
    console.print(Text(f"{one_line(standing.name, 100)}{capacity}{reserved}{free}"), soft_wrap=True)
    for holder in standing.holders:
        left = f", about {duration(holder.left_s)} more" if holder.left_s else ""
        kept = f", kept for a person: {one_line(holder.reason, 200)}" if holder.under_review else ""
        units = f" {holder.quantity} of it" if standing.capacity is not None else f" {holder.mode}"
        console.print(Text(f"  held{units} by {one_line(str(holder), 160)}{left}{kept}"), soft_wrap=True)
    for waiter in standing.line:
        seconds = standing.waits_s(waiter)
        about = f", about {duration(seconds)}" if seconds else ""
        console.print(
            Text(f"  {waiter.ordinal} in line: {one_line(str(waiter), 160)}{about}"), soft_wrap=True
        )


def as_data(standing: Standing) -> dict[str, Any]:
    """All of it, with the estimated wait of each waiter in seconds."""
    data = asdict(standing)
    for waiter, row in zip(standing.line, data["line"], strict=True):
        row["waits_s"] = standing.waits_s(waiter)
    return data
