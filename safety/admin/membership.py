"""Memberships in the admin: who may do what in which tenant."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from safety.administration import TenantAdministeredAdmin, TenantFilter
from safety.models import Membership

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
