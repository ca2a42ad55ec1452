"""Reservations in the admin: who keeps which asset until when; end one before its time."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from executions import reservations
from executions.admin.execution import person
from executions.admin.refused import objection
from executions.standing import names_of
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed
from safety.models import Reservation


@admin.register(Reservation)
class ReservationAdmin(HistoryAdmin):
    """Made on the page of an asset or with `manage.py locks reserve`."""

    list_display = ("asset_id", "person", "reason", "created_at", "ends_at", "ended_at", "ended_by")
    list_filter = (TenantFilter,)
    list_select_related = ("person",)
    search_fields = ("reason", "person__username")
    uuid_fields = ("asset_id",)
    ordering = ("-created_at", "-pk")
    actions = ("end",)

    def has_end_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "safety.reserve_asset")

    @admin.action(description="End before its time", permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> HttpResponse | None:
        """Let others take the assets again."""
        names = names_of(list(queryset.values_list("asset_id", flat=True)[:100]))
        return confirmed(
            self,
            request,
            queryset,
            title="End these reservations?",
            consequence="Executions that wait for the assets may take them at once.",
            describe=lambda row: f"{names.get(row.asset_id, row.asset_id)}: {row.person}, {row.reason}",
            act=lambda row, reason: objection(
                lambda: reservations.end_reservation(row.asset_id, user=person(request), reason=reason),
                names.get(row.asset_id, row.asset_id),
            ),
        )
