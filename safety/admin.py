"""The tables of the guards in the admin: tenants, memberships, policies and access decisions."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

from safety.administration import HistoryAdmin, TenantAdministeredAdmin, TenantFilter, TenantScopedAdmin
from safety.confirmation import confirmed
from safety.models import AccessDecision, Membership, Tenant, TimeoutPolicy


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
        if not self.allowed(request, "safety.administer_tenant", tenant):
            return f"{tenant}: only a tenant admin may pause or resume it."
        rows = Tenant.objects.filter(pk=tenant.pk, paused_at__isnull=pause)
        if not rows.update(paused_at=Now() if pause else None):
            return f"{tenant} is {'paused' if pause else 'not paused'} already."
        self.log_change(request, tenant, f"{'Paused' if pause else 'Resumed'}: {reason}")
        return ""


if TYPE_CHECKING:
    _ModelChoiceField = forms.ModelChoiceField[User]
else:
    _ModelChoiceField = forms.ModelChoiceField


class NameOfUser(_ModelChoiceField):
    """A person by exact user name: nobody can browse the people of other tenants."""

    widget = forms.TextInput
    default_error_messages = {"invalid_choice": "There is no person with this user name."}

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return User.objects.filter(pk=value).values_list("username", flat=True).first()
        return super().prepare_value(value)


@admin.register(Membership)
class MembershipAdmin(TenantAdministeredAdmin):
    """Who may do what in which tenant."""

    list_display = ("user", "tenant", "role", "ends_at")
    list_filter = ("role", TenantFilter)
    list_select_related = ("user", "tenant")
    search_fields = ("user__username",)
    fixed_fields = ("tenant", "user")
    deletable = True

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            return NameOfUser(
                User.objects.filter(is_active=True), to_field_name="username", label="User name"
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.user_id == request.user.pk:
            messages.warning(request, "You changed your own membership.")


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


@admin.register(AccessDecision)
class AccessDecisionAdmin(HistoryAdmin):
    """Every answer that RBAC gave."""

    list_display = ("at", "question", "allowed", "reason", "environment", "actor_id", "tenant_id")
    list_filter = ("allowed", "question", TenantFilter)
    search_fields = ("question", "reason")
    uuid_fields = ("execution_id", "step_run_id", "asset_id")
    ordering = ("-pk",)
