"""Limits in the admin: the platform's, which superusers write, and those of tenants, which only add to them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from safety.admin.platform_rows import WhoseFilter
from safety.administration import TenantAdministeredAdmin
from safety.models import Limit
from safety.models.role import role_choices
from safety.visibility import tenants_visible_to


@admin.register(Limit)
class LimitAdmin(TenantAdministeredAdmin):
    """The lowest limit that applies counts, so a tenant can tighten the platform's and not loosen it."""

    list_display = ("kind", "whose", "role", "environment", "action_class", "connector", "most")
    list_filter = (WhoseFilter, "kind")
    list_select_related = ("tenant",)
    ordering = ("kind", "tenant", "pk")
    fixed_fields = ("tenant", "kind")
    deletable = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = admin.ModelAdmin.get_queryset(self, request)
        if request.user.is_superuser:
            return rows
        return rows.filter(Q(tenant=None) | Q(tenant__in=tenants_visible_to(request.user)))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is None and not request.user.is_superuser:
            form.base_fields["tenant"].required = True
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "role":
            return forms.ChoiceField(choices=lambda: [("", "---------"), *role_choices()], required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, None if obj is None or obj.tenant_id is None else obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.tenant_id is None:
            return bool(request.user.is_superuser)
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)
