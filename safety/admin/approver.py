"""Groups of approvers in the admin, and the delegations that are on record."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from safety.admin.membership import NameOfUser
from safety.administration import HistoryAdmin, TenantAdministeredAdmin, TenantFilter
from safety.models import Delegation, GroupMember, Tenant
from safety.signals import group_changed

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[GroupMember]
else:
    _ModelForm = forms.ModelForm


# Said of people of other tenants and of names that nobody has alike.
NO_MEMBER = "No member of this tenant has this user name. Add a membership first."


class GroupMemberForm(_ModelForm):
    """Somebody else of the tenant: nobody puts themselves into a group."""

    giver: Any = None  # set by the admin, for each request

    def clean(self) -> dict[str, Any]:
        """Refuse oneself, and who is no member of the tenant."""
        given: dict[str, Any] = super().clean() or {}
        user, tenant = given.get("user"), given.get("tenant")
        if user and user == self.giver and not self.giver.is_superuser:
            self.add_error("user", "Nobody puts themselves into a group; another admin of the tenant can.")
        elif user and tenant and _lends_to(user, self.giver, tenant):
            self.add_error(
                "user", "You are the deputy of this person; another admin of the tenant can do it."
            )
        elif user and tenant and not tenant.memberships.standing().filter(user=user).exists():
            self.add_error("user", NO_MEMBER)
        return given


def _lends_to(user: User, deputy: Any, tenant: Tenant) -> bool:
    return Delegation.objects.open().filter(giver=user, deputy=deputy, tenant=tenant).exists()


@admin.register(GroupMember)
class GroupMemberAdmin(TenantAdministeredAdmin):
    """Who approves for which group; the approval policy names groups."""

    form = GroupMemberForm
    list_display = ("group", "user", "tenant", "added_by")
    list_filter = (TenantFilter, "group")
    list_select_related = ("user", "tenant", "added_by")
    search_fields = ("group", "user__username")
    readonly_fields = ("added_by",)
    deletable = True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """None: a row says one thing, so it is there or it is not."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        own = obj is not None and obj.user_id == request.user.pk and not request.user.is_superuser
        return super().has_delete_permission(request, obj) and not own

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("GroupMemberFormOfRequest", (form,), {"giver": request.user})

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            return NameOfUser(
                User.objects.filter(is_active=True),
                to_field_name="username",
                label="User name",
                error_messages={"invalid_choice": NO_MEMBER},
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.added_by = request.user
        super().save_model(request, obj, form, change)
        group_changed.send(GroupMember, member=obj, change="added", by=request.user)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        group_changed.send(GroupMember, member=obj, change="removed", by=request.user)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for member in queryset.select_related("user", "tenant"):
            group_changed.send(GroupMember, member=member, change="removed", by=request.user)
        super().delete_queryset(request, queryset)


@admin.register(Delegation)
class DelegationAdmin(HistoryAdmin):
    """Who approves for whom; made and ended under Approvals and by the command `delegate`."""

    list_display = ("giver", "deputy", "tenant", "starts_at", "ends_at", "ended_at", "reason")
    list_filter = (TenantFilter,)
    list_select_related = ("giver", "deputy", "tenant")
    search_fields = ("giver__username", "deputy__username", "reason")
    ordering = ("-pk",)
