"""Executions in the admin: read, search, cancel."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from executions import control
from executions.admin.refused import objection
from executions.models import Execution
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed


@admin.register(Execution)
class ExecutionAdmin(HistoryAdmin):
    """What ran, runs and waits. The state changes only through actions, never by hand."""

    list_display = (
        "short_id",
        "name",
        "status",
        "tenant",
        "environment",
        "action_class",
        "sla",
        "progress",
        "requested_by",
        "created_at",
    )
    list_filter = ("status", "created_at", "environment", "action_class", "sla", "mode", TenantFilter)
    list_select_related = ("tenant", "requested_by")
    search_fields = ("name", "requested_by__username")
    uuid_fields = ("pk",)
    ordering = ("-created_at", "-pk")
    actions = ("cancel",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return rows.defer("plan", "changes_assets") if is_list else rows

    @admin.display(description="step runs")
    def progress(self, execution: Execution) -> str:
        """Step runs that are over, of all."""
        return f"{execution.total_runs - execution.open_runs}/{execution.total_runs}"

    def view_on_site(self, obj: Execution) -> str:
        """Its page."""
        return reverse("executions:detail", args=[obj.pk])

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "executions.cancel_execution")

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Execution]) -> HttpResponse | None:
        """Ask for the end of the executions."""
        return confirmed(
            self,
            request,
            queryset,
            title="Cancel these executions?",
            consequence="What has not begun will not begin. What runs is told to stop, then killed.",
            describe=lambda execution: f"{execution}: {execution.get_status_display()}",
            act=lambda execution, reason: objection(
                lambda: control.request_cancel(execution.pk, user=person(request), reason=reason), execution
            ),
        )


def person(request: HttpRequest) -> Any:
    """Who acts; the admin lets nobody in who has not signed in."""
    return request.user
