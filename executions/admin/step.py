"""Frozen steps in the admin."""

from typing import Any

from django.contrib import admin

from executions.models import Step
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(Step)
class StepAdmin(HistoryAdmin):
    """Search by the id of an execution, or by key or name."""

    tenant_path = "execution__tenant_id"
    list_display = (
        "execution",
        "position",
        "key",
        "name",
        "kind",
        "action_class",
        "effect",
        "remaining",
        "closed",
    )
    list_filter = ("kind", "action_class", "effect", TenantFilter)
    list_select_related = ("execution",)
    search_fields = ("key", "name")
    uuid_fields = ("execution_id",)
    ordering = ("-pk",)

    def subject(self, obj: Any) -> Any:
        return obj.execution
