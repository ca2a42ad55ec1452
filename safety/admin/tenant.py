"""Tenants in the admin: make, pause, resume."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

from safety.administration import TenantAdministeredAdmin
from safety.confirmation import confirmed
from safety.models import Tenant


@admin.register(Tenant)
class TenantAdmin(TenantAdministeredAdmin):
    """Organisations; superusers make new ones. Pausing stops every step that has not begun."""

    tenant_path = "pk"
    fixed_fields = ("slug",)
    list_display = ("name", "slug", "paused_at", "created_at")
    search_fields = ("name", "slug")
    readonly_fields = ("paused_at", "created_at")
    actions = ("pause", "resume")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.is_superuser)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "safety.administer_tenant")

    @admin.action(description="Pause: begin no step until resumed", permissions=["pause"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> HttpResponse | None:
        """Begin no further step of the tenants; what runs goes on."""
        return confirmed(
            self,
            request,
            queryset,
            title="Pause these tenants?",
            consequence="No further step of theirs begins until they are resumed. What runs goes on to its end.",
            act=lambda tenant, reason: self._set_paused(request, tenant, True, reason),
        )

    @admin.action(description="Resume", permissions=["pause"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> HttpResponse | None:
        """Let steps of the tenants begin again."""
        return confirmed(
            self,
            request,
            queryset,
            title="Resume these tenants?",
            consequence="Their steps begin again, oldest first.",
            act=lambda tenant, reason: self._set_paused(request, tenant, False, reason),
        )

    def _set_paused(self, request: HttpRequest, tenant: Tenant, pause: bool, reason: str) -> str:
        if not self.has_change_permission(request, tenant):
            return f"{tenant}: only a tenant admin without limits may pause or resume it."
        rows = Tenant.objects.filter(pk=tenant.pk, paused_at__isnull=pause)
        if not rows.update(paused_at=Now() if pause else None):
            return f"{tenant} is {'paused' if pause else 'not paused'} already."
        self.log_change(request, tenant, f"{'Paused' if pause else 'Resumed'}: {reason}")
        return ""
