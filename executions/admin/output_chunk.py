"""Pieces of output in the admin, masked as they are stored."""

from typing import Any

from django.contrib import admin

from executions.models import OutputChunk
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(OutputChunk)
class OutputChunkAdmin(HistoryAdmin):
    """Search by the id of a step run or an execution."""

    tenant_path = "step_run__tenant_id"
    list_display = ("step_run_id", "attempt", "sequence", "stream", "at", "beginning")
    list_filter = ("stream", TenantFilter)
    list_select_related = ("step_run",)
    search_fields = ("=stream",)
    uuid_fields = ("step_run_id", "step_run__execution_id")
    ordering = ("-pk",)

    def subject(self, obj: Any) -> Any:
        return obj.step_run

    @admin.display(description="text")
    def beginning(self, chunk: OutputChunk) -> str:
        """The first characters."""
        return chunk.text[:80]
