"""Service accounts in the admin: an admin of the tenant makes one and says who answers for it."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest

from executions import service_accounts
from executions.admin.execution import person
from executions.errors import Refused
from safety.admin.membership import NameOfUser
from safety.administration import TenantAdministeredAdmin, TenantFilter
from safety.tokens.models import ServiceAccount

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[ServiceAccount]
else:
    _ModelForm = forms.ModelForm


_OWNER = (
    "The user name of the person who answers for it. Only they make its tokens, and they approve nothing of it. "
    "With another owner its tokens are revoked, because the one before knows them."
)


class ServiceAccountForm(_ModelForm):
    """A new account by its name, or another owner; what the domain refuses is said in the form."""

    maker: Any = None  # set by the admin, for each request

    name = forms.CharField(
        max_length=150, required=False, help_text="Set once; letters, digits and @ . + - _"
    )

    class Meta:
        model = ServiceAccount
        fields = ("tenant", "owner", "purpose")

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        try:
            if self.instance.pk is None:
                service_accounts.require_may_create(
                    given.get("name", ""), tenant=given["tenant"], owner=given["owner"], by=self.maker
                )
            else:
                before = ServiceAccount.objects.select_related("tenant").get(pk=self.instance.pk)
                service_accounts.require_may_change(before, owner=given["owner"], by=self.maker)
        except Refused as refusal:
            raise forms.ValidationError(f"{refusal} {refusal.hint}".strip()) from refusal
        return given


@admin.register(ServiceAccount)
class ServiceAccountAdmin(TenantAdministeredAdmin):
    """The accounts of programs. Their memberships are under Memberships, their tokens under API tokens."""

    form = ServiceAccountForm
    list_display = ("user", "tenant", "owner", "purpose", "created_at")
    list_filter = (TenantFilter,)
    list_select_related = ("user", "tenant", "owner")
    search_fields = ("user__username", "owner__username", "purpose")
    ordering = ("user__username",)
    fixed_fields = ("user", "tenant")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        del request
        return (("name", "tenant") if obj is None else self.fixed_fields) + ("owner", "purpose")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("ServiceAccountFormOfRequest", (form,), {"maker": request.user})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "owner":
            people = User.objects.filter(is_active=True)
            return NameOfUser(people, to_field_name="username", label="Owner", help_text=_OWNER)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        if change:
            before = ServiceAccount.objects.select_related("user", "tenant").get(pk=obj.pk)
            service_accounts.change(
                before, owner=given["owner"], purpose=given["purpose"], by=person(request)
            )
            return
        made = service_accounts.create(
            given["name"],
            tenant=given["tenant"],
            owner=given["owner"],
            purpose=given["purpose"],
            by=person(request),
        )
        obj.user, obj.created_at = made.user, made.created_at
