"""A table of the platform's defaults, which superusers edit, and of tenants' own rows instead of them."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from safety.administration import TenantAdministeredAdmin
from safety.models import Tenant
from safety.visibility import tenants_visible_to


class WhoseFilter(admin.SimpleListFilter):
    """The platform's rows, or those of one tenant that the person may see."""

    title = "whose"
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del model_admin
        tenants = Tenant.objects.order_by("name")
        if not request.user.is_superuser:
            tenants = tenants.filter(pk__in=tenants_visible_to(request.user))
        return [("platform", "platform default"), *((str(tenant.pk), tenant.name) for tenant in tenants)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        del request
        value = self.value()
        if value not in {key for key, _ in self.lookup_choices}:
            return queryset
        return queryset.filter(tenant=None if value == "platform" else value)


class PlatformRowsAdmin(TenantAdministeredAdmin):
    """`exception`: the field by which a superuser lets a tenant's row be laxer than the platform's."""

    exception: str
    deletable = True

    @admin.display(description="whose", ordering="tenant")
    def whose(self, policy: Any) -> str:
        """Whether the row holds for everybody or instead of the platform's."""
        if policy.tenant is None:
            return "platform default"
        told = f" ({self.exception.replace('_', ' ')})" if getattr(policy, self.exception) else ""
        return f"{policy.tenant.name}'s own{told}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = admin.ModelAdmin.get_queryset(self, request)
        if request.user.is_superuser:
            return rows
        return rows.filter(Q(tenant=None) | Q(tenant__in=tenants_visible_to(request.user)))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = super().get_readonly_fields(request, obj)
        about_all = obj is not None and obj.tenant_id is None
        return fixed if request.user.is_superuser and not about_all else (*fixed, self.exception)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A new row is a tenant's: the platform's are there."""
        form: type[ModelForm[Any]] = super().get_form(request, obj, change, **kwargs)
        if obj is None:
            form.base_fields["tenant"].required = True
        return form

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, None if obj is None or obj.tenant_id is None else obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and (obj.tenant_id is None or getattr(obj, self.exception)):
            return bool(request.user.is_superuser)
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.tenant_id is None:
            return False
        return self.has_change_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """None: a platform's row is never removed, and a tenant's on its own page."""
        del request
        return {}
