"""Roles in the admin: what each allows."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from safety.administration import BoundedPaginator
from safety.choices import Permission, Role
from safety.models import Limit, Membership, TenantRole
from safety.models.role import PERMISSIONS
from safety.rubbish import AnswersRubbish
from safety.signals import role_changed

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[TenantRole]
    _ModelForm = forms.ModelForm[TenantRole]
else:
    _ModelAdmin, _ModelForm = admin.ModelAdmin, forms.ModelForm

ONLY_SEE = (Role.VIEWER, Role.AUDITOR)
OFFERED = tuple(one for one in PERMISSIONS if one[0] != Permission.VIEW)


class RoleForm(_ModelForm):
    """What a role allows as boxes to tick; every role sees, so that is not asked."""

    permissions = forms.MultipleChoiceField(
        choices=OFFERED,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Every role also sees everything of the tenant.",
    )

    class Meta:
        model = TenantRole
        fields = ("name", "permissions", "note")

    def clean_permissions(self) -> list[str]:
        """In the order of the list, with the one that every role has."""
        ticked = {*self.cleaned_data["permissions"], Permission.VIEW.value}
        if self.instance.is_built_in and len(ticked) == 1 and self.instance.name not in ONLY_SEE:
            raise forms.ValidationError("A built-in role is not emptied. Take memberships away instead.")
        return [name for name, _ in PERMISSIONS if name in ticked]


@admin.register(TenantRole)
class TenantRoleAdmin(AnswersRubbish, _ModelAdmin):
    """Every member of a tenant reads them, superusers write them: a role means the same in every tenant."""

    form = RoleForm
    list_display = ("name", "holds", "is_built_in", "note")
    show_full_result_count = False
    paginator = BoundedPaginator

    @admin.display(description="allows")
    def holds(self, role: TenantRole) -> str:
        """What it allows, in words."""
        return ", ".join(words for name, words in PERMISSIONS if name in role.permissions)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        del request
        return () if obj is None else ("name",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return request.user.is_superuser or request.user.has_perm(Permission.VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One that is built in, or named by a membership or a limit, stays."""
        if obj is None or not request.user.is_superuser or obj.is_built_in:
            return request.user.is_superuser and obj is None
        named = {"role": obj.name}
        return not (Membership.objects.filter(**named).exists() or Limit.objects.filter(**named).exists())

    def get_actions(self, request: HttpRequest) -> Any:
        """None: a role is removed on its own page."""
        del request
        return {}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        role_changed.send(TenantRole, role=obj, change="changed" if change else "made", by=request.user)
