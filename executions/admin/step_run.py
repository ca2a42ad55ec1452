"""Step runs in the admin."""

from django.contrib import admin
from django.urls import reverse

from executions.models import StepRun
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(StepRun)
class StepRunAdmin(HistoryAdmin):
    """Search by its own id, or the id of an execution or asset."""

    list_display = (
        "id",
        "step",
        "asset",
        "status",
        "attempt",
        "exit_code",
        "worker",
        "started_at",
        "finished_at",
    )
    list_filter = ("status", "queue", TenantFilter)
    list_select_related = ("step", "asset")
    search_fields = ("=category", "=worker")
    uuid_fields = ("pk", "execution_id", "asset_id")
    ordering = ("-pk",)

    def view_on_site(self, obj: StepRun) -> str:
        """The page of its execution, with its output."""
        return f"{reverse('executions:detail', args=[obj.execution_id])}?run={obj.pk}"
