"""The inventory in the admin: the machines that steps act on."""

from django.contrib import admin

from executions.models import Asset
from safety.administration import TenantAdministeredAdmin, TenantFilter


@admin.register(Asset)
class AssetAdmin(TenantAdministeredAdmin):
    """Assets are deactivated, not removed: history points at them."""

    list_display = ("name", "tenant", "environment", "connection", "address", "port", "is_active")
    list_filter = ("environment", "connection", "is_active", TenantFilter)
    list_select_related = ("tenant",)
    search_fields = ("name", "address")
    uuid_fields = ("pk",)
    ordering = ("name", "pk")
    readonly_fields = ("id", "created_at")
