"""Memberships in the admin: who may do what in which tenant, where, and until when."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from safety.administration import TenantAdministeredAdmin, TenantFilter
from safety.choices import ActionClass, Environment
from safety.granting import may_grant, outlives
from safety.models import Membership
from safety.models.approval_policy import HIGHEST_APPROVAL
from safety.models.role import role_choices, spoken
from safety.signals import grant_changed

if TYPE_CHECKING:
    _ModelChoiceField = forms.ModelChoiceField[User]
    _ModelForm = forms.ModelForm[Membership]
else:
    _ModelChoiceField, _ModelForm = forms.ModelChoiceField, forms.ModelForm


class NameOfUser(_ModelChoiceField):
    """A person by exact user name: nobody can browse the people of other tenants."""

    widget = forms.TextInput
    default_error_messages = {"invalid_choice": "There is no person with this user name."}

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return User.objects.filter(pk=value).values_list("username", flat=True).first()
        return super().prepare_value(value)


class MembershipForm(_ModelForm):
    """A membership with its limits as boxes to tick, within what the person who gives it may give."""

    giver: Any = None  # set by the admin, for each request

    role = forms.ChoiceField(choices=role_choices)
    environments = forms.MultipleChoiceField(
        choices=Environment.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Where it holds. None ticked: in every environment, also in those to come.",
    )
    action_classes = forms.MultipleChoiceField(
        choices=ActionClass.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The kinds of steps it is good for. None ticked: all that the role allows.",
    )

    approves_up_to = forms.TypedChoiceField(
        choices=[(level, str(level)) for level in range(HIGHEST_APPROVAL, 0, -1)],
        coerce=int,
        required=False,
        help_text="The highest approval level; counts only where the role approves.",
    )

    class Meta:
        model = Membership
        fields = (
            "tenant",
            "user",
            "role",
            "environments",
            "action_classes",
            "approves_up_to",
            "ends_at",
            "reason",
        )
        help_texts = {"ends_at": "After this moment it counts no more; nothing has to be done."}

    def clean_approves_up_to(self) -> int:
        """The highest where nothing was chosen."""
        return self.cleaned_data["approves_up_to"] or HIGHEST_APPROVAL

    def clean_ends_at(self) -> Any:
        """A new membership that is over from the start is a slip of the pen."""
        ends_at = self.cleaned_data["ends_at"]
        if ends_at and self.instance.pk is None and ends_at <= timezone.now():
            raise forms.ValidationError("This is in the past. Give an end in the future, or none.")
        return ends_at

    def _post_clean(self) -> None:
        """Ask about the membership as it would be, once it is put together."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        if objection := may_grant(self.giver, self.instance) or outlives(self.giver, self.instance):
            self.add_error(None, objection)


class RoleFilter(admin.SimpleListFilter):
    """By role, among all there are."""

    title = "role"
    parameter_name = "of_role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del request, model_admin
        return role_choices()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        del request
        return queryset.filter(role=self.value()) if self.value() else queryset


@admin.register(Membership)
class MembershipAdmin(TenantAdministeredAdmin):
    """Who may do what in which tenant."""

    form = MembershipForm
    list_display = ("user", "tenant", "role_held", "where", "what", "approves_up_to", "ends_at", "granted_by")
    list_filter = (RoleFilter, TenantFilter)
    list_select_related = ("user", "tenant", "granted_by")
    search_fields = ("user__username", "reason")
    fixed_fields = ("tenant", "user")
    tenant_wide = False  # its own limits say how far it reaches
    readonly_fields = ("granted_by",)
    deletable = True

    @admin.display(description="role", ordering="role")
    def role_held(self, membership: Membership) -> str:
        """The role as a sentence says it."""
        return spoken(membership.role)

    @admin.display(description="environments")
    def where(self, membership: Membership) -> str:
        """Where it holds."""
        return ", ".join(membership.environments) or "every"

    @admin.display(description="action classes")
    def what(self, membership: Membership) -> str:
        """What it is good for."""
        return ", ".join(membership.action_classes) or "those of the role"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._within_reach(request, obj)

    def _within_reach(self, request: HttpRequest, obj: Any) -> bool:
        return obj is None or not may_grant(request.user, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("MembershipFormOfRequest", (form,), {"giver": request.user})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            return NameOfUser(
                User.objects.filter(is_active=True), to_field_name="username", label="User name"
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.granted_by = request.user
        super().save_model(request, obj, form, change)
        self._tell(request, obj, "changed" if change else "granted")
        if obj.user_id == request.user.pk:
            messages.warning(request, "You changed your own membership.")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._tell(request, obj, "removed")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for membership in queryset.select_related("user", "tenant"):
            self._tell(request, membership, "removed")
        super().delete_queryset(request, queryset)

    def _tell(self, request: HttpRequest, membership: Membership, change: str) -> None:
        grant_changed.send(Membership, membership=membership, change=change, by=request.user)
