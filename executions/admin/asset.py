"""The inventory in the admin: the machines that steps act on."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

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
    tenant_wide = False  # it is in one environment

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only a superuser makes an asset `local`: its steps run with the account of the workers themselves."""
        if db_field.name == "connection" and not request.user.is_superuser:
            kwargs["choices"] = [choice for choice in Asset.Connection.choices if choice[0] != "local"]
        return super().formfield_for_choice_field(db_field, request, **kwargs)
