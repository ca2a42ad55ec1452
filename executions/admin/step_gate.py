"""Approvals of single steps in the admin: to be read; they are decided on the page of the run or by command."""

from django.contrib import admin

from executions.models import StepGate
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(StepGate)
class StepGateAdmin(HistoryAdmin):
    """Who allowed which step of a run at level 3."""

    list_display = (
        "execution_id",
        "step",
        "status",
        "requested_at",
        "expires_at",
        "decided_by",
        "decided_at",
        "used_at",
    )
    list_filter = (TenantFilter, "status")
    list_select_related = ("step", "decided_by")
    raw_id_fields = ("execution", "step")
    uuid_fields = ("execution_id",)
    for_auditors = ("address",)
    ordering = ("-requested_at", "-pk")
