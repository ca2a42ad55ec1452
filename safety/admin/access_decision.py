"""What RBAC was asked and answered, in the admin."""

from django.contrib import admin

from safety.administration import HistoryAdmin, TenantFilter
from safety.models import AccessDecision


@admin.register(AccessDecision)
class AccessDecisionAdmin(HistoryAdmin):
    """Every answer that RBAC gave."""

    list_display = ("at", "question", "allowed", "reason", "environment", "actor_id", "tenant_id")
    list_filter = ("allowed", "question", TenantFilter)
    search_fields = ("question", "reason")
    uuid_fields = ("execution_id", "step_run_id", "asset_id")
    ordering = ("-pk",)
