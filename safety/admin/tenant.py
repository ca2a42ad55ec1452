"""Tenants in the admin. What stops their runs is a switch, on the page of switches."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from safety.administration import TenantAdministeredAdmin
from safety.models import Tenant


@admin.register(Tenant)
class TenantAdmin(TenantAdministeredAdmin):
    """Organisations; superusers make new ones."""

    tenant_path = "pk"
    fixed_fields = ("slug",)
    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    ordering = ("name", "pk")
    readonly_fields = ("created_at",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.is_superuser)
