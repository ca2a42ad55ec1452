"""Secret stores in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from safety.administration import TenantFilter, TenantScopedAdmin
from safety.models import SecretStore


@admin.register(SecretStore)
class SecretStoreAdmin(TenantScopedAdmin):
    """Superusers write them: an address and a path are how one tenant could reach another's secrets, or a network
    that only the workers reach. People read those of their tenant. A store is switched off, not removed.
    """

    list_display = ("name", "tenant", "kind", "prefixes", "cache_s", "is_active")
    list_filter = ("kind", "is_active", TenantFilter)
    list_select_related = ("tenant",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    readonly_fields = ("created_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        always = tuple(super().get_readonly_fields(request, obj))
        return always if obj is None else (*always, "tenant", "kind")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False
