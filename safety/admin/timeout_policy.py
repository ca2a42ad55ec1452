"""The timeout matrix in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from safety.administration import TenantScopedAdmin
from safety.models import TimeoutPolicy


@admin.register(TimeoutPolicy)
class TimeoutPolicyAdmin(TenantScopedAdmin):
    """The nine cells of the matrix, the same for every tenant; superusers may edit them."""

    list_display = ("sla", "action_class", "step_s", "execution_s", "lease_s", "approval_s", "attempts")
    list_filter = ("sla", "action_class")
    readonly_fields = ("sla", "action_class")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return admin.ModelAdmin.get_queryset(self, request)

    def subject(self, obj: Any) -> Any:
        del obj
        return None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False
