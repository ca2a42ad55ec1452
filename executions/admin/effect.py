"""The records of effects in the admin."""

from typing import Any

from django.contrib import admin

from executions.models import EffectRecord
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(EffectRecord)
class EffectRecordAdmin(HistoryAdmin):
    """Search by the id of a step run or an execution, or by worker."""

    tenant_path = "step_run__tenant_id"
    list_display = ("step_run_id", "attempt", "worker", "begun_at", "ended_at", "outcome", "token")
    list_filter = ("outcome", TenantFilter)
    list_select_related = ("step_run",)
    search_fields = ("=worker",)
    uuid_fields = ("step_run_id", "step_run__execution_id")
    ordering = ("-pk",)

    def subject(self, obj: Any) -> Any:
        return obj.step_run
