"""Events in the admin: what happened, newest first."""

from django.contrib import admin

from executions.models import Event
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    """Never edited. Search by the id of an execution or step run, or the beginning of a type."""

    list_display = ("at", "type", "execution", "from_status", "to_status", "actor_kind", "actor", "trace_id")
    list_filter = ("actor_kind", TenantFilter)
    list_select_related = ("execution",)
    search_fields = ("type__startswith", "=actor")
    uuid_fields = ("execution_id", "step_run_id")
    ordering = ("-pk",)
    raw_id_fields = ("execution", "step_run")
