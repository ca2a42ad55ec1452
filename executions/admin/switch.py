"""Switches in the admin: what is and was switched off; lift one."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from executions import switching
from executions.admin.execution import person
from executions.admin.refused import objection
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed
from safety.models import Switch
from safety.visibility import tenants_visible_to


@admin.register(Switch)
class SwitchAdmin(HistoryAdmin):
    """Turned on the page of switches or with `manage.py switch off`."""

    list_display = (
        "scope",
        "mode",
        "reason",
        "told_by",
        "turned_at",
        "ends_at",
        "lifted_at",
        "told_lifted_by",
    )
    list_filter = (TenantFilter, "mode")
    list_select_related = ("tenant",)
    search_fields = ("reason",)
    exclude = ("turned_by", "lifted_by")
    ordering = ("-turned_at", "-pk")
    actions = ("lift",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those that hold for everybody are everybody's to see."""
        rows = Switch.objects.select_related("tenant")
        if request.user.is_superuser:
            return rows
        return rows.filter(Q(tenant=None) | Q(tenant_id__in=tenants_visible_to(request.user)))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(
            request, "executions.view_execution", obj if obj is None or obj.tenant_id else None
        )

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "safety.turn_switch")

    @admin.action(description="Lift: let runs begin again", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Switch]) -> HttpResponse | None:
        """End the switches before their time."""
        return confirmed(
            self,
            request,
            queryset,
            title="Lift these switches?",
            consequence="What they hold back begins again, oldest first.",
            act=lambda row, reason: objection(
                lambda: switching.lift(row.pk, user=person(request), reason=reason), str(row)
            ),
        )
