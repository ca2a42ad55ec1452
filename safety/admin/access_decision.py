"""What RBAC was asked and answered, in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from safety.administration import HistoryAdmin, TenantFilter
from safety.choices import Permission
from safety.models import AccessDecision, Tenant
from safety.visibility import tenants_visible_to


@admin.register(AccessDecision)
class AccessDecisionAdmin(HistoryAdmin):
    """Every answer that RBAC gave, for those who read the audit."""

    list_display = ("at", "question", "allowed", "reason", "environment", "actor_id", "tenant_id")
    list_filter = ("allowed", "question", TenantFilter)
    search_fields = ("question", "reason")
    uuid_fields = ("execution_id", "step_run_id", "asset_id")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """A person may read it in one of their tenants and not in another."""
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        tenants = Tenant.objects.filter(pk__in=tenants_visible_to(request.user))
        return rows.filter(
            tenant_id__in=[one.pk for one in tenants if self.allowed(request, Permission.READ_AUDIT, one)]
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request, Permission.READ_AUDIT, obj)
