"""Signing in, in the admin: for superusers, who alone look after accounts."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from safety.admin.membership import NameOfUser
from safety.administration import AsksFirst, HistoryAdmin
from safety.confirmation import confirmed
from safety.rubbish import AnswersRubbish
from safety.signin import door, factors, identities, locks
from safety.signin.models import ExternalIdentity, SecondFactor, SignInCount, SignInRecord
from safety.signin.throttle import KINDS

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
    _ModelForm = forms.ModelForm[User]
else:
    _UserAdmin, _ModelForm = UserAdmin, forms.ModelForm


class PlatformAdmin(HistoryAdmin):
    """Rows of no tenant: a superuser reads them, nobody else."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = admin.ModelAdmin.get_queryset(self, request)
        return rows if request.user.is_superuser else rows.none()

    def allowed(self, request: HttpRequest, permission: str, obj: Model | None = None) -> bool:
        del permission, obj
        return bool(request.user.is_superuser)


@admin.register(SignInRecord)
class SignInRecordAdmin(PlatformAdmin):
    """Who got in, who was refused, and what was done about it."""

    list_display = ("at", "name", "happened", "method", "detail", "address")
    list_filter = ("what", "method")
    search_fields = ("name", "address")
    ordering = ("-pk",)


@admin.register(SignInCount)
class SignInCountAdmin(PlatformAdmin):
    """Tries that still count."""

    list_display = ("of", "account_name", "address", "tries", "ends_at")
    ordering = ("-tries", "pk")
    actions = ("lift",)

    @admin.display(description="counted by")
    def of(self, row: SignInCount) -> str:
        return KINDS.get(row.kind, row.kind)

    @admin.display(description="account")
    def account_name(self, row: SignInCount) -> str:
        if not row.account:
            return "any"
        name = User.objects.filter(pk=row.user_id or 0).values_list("username", flat=True).first()
        return name or "no such account"

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description="Lift the lock", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[SignInCount]) -> HttpResponse | None:
        """Let them try again at once."""

        def act(row: SignInCount, reason: str) -> str:
            locks.lift_row(row, by=request.user, reason=reason)
            return ""

        return confirmed(
            self,
            request,
            queryset,
            title="Lift these locks?",
            consequence="The tries so far are forgotten, so whoever tried may try again at once.",
            describe=lambda row: f"{self.of(row)}: {self.account_name(row)} {row.address}, {row.tries} tries",
            act=act,
        )


@admin.register(SecondFactor)
class SecondFactorAdmin(PlatformAdmin):
    """Who has a second factor; never its secret."""

    list_display = ("user", "since")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "since")
    ordering = ("user__username",)
    actions = ("take_away",)

    def has_take_away_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description="Take away, so that it is set up anew", permissions=["take_away"])
    def take_away(self, request: HttpRequest, queryset: QuerySet[SecondFactor]) -> HttpResponse | None:
        """For somebody who has lost the authenticator and the recovery codes."""

        def act(row: SecondFactor, reason: str) -> str:
            by = User.objects.get(pk=request.user.pk or 0)
            return "" if factors.reset(row.user, by=by, reason=reason) else f"{row.user} has none."

        return confirmed(
            self,
            request,
            queryset.select_related("user"),
            title="Take these second factors away?",
            consequence="Be sure that it is the person who asks: from now on their password is enough. "
            "Their sessions end.",
            act=act,
        )


@admin.register(ExternalIdentity)
class ExternalIdentityAdmin(PlatformAdmin):
    """Which account a subject of a provider is: linked here, unlinked here, and never changed into another."""

    list_display = ("user", "subject", "issuer", "since")
    list_filter = ("issuer",)
    list_select_related = ("user",)
    search_fields = ("user__username", "subject", "issuer")
    ordering = ("user__username", "pk")
    actions = ("unlink",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.is_superuser)

    def has_unlink_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        del request
        return ("user", "issuer", "subject") if obj is None else ("user", "issuer", "subject", "since")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"issuer": settings.OIDC["ISSUER"]} | super().get_changeform_initial_data(request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            return NameOfUser(User.objects.all(), to_field_name="username", label="User name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """What somebody else linked at the same moment is said as a message."""
        try:
            return super().add_view(request, form_url, extra_context)
        except identities.NoAccount as refusal:
            messages.error(request, f"{refusal} Nothing was changed.")
            return redirect("admin:signin_externalidentity_changelist")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """On record, as by command; there is no change."""
        del form, change
        by = User.objects.get(pk=request.user.pk or 0)
        obj.pk = identities.link(obj.user, obj.subject, by=by, issuer=obj.issuer).pk

    @admin.action(description="Unlink", permissions=["unlink"])
    def unlink(self, request: HttpRequest, queryset: QuerySet[ExternalIdentity]) -> HttpResponse | None:
        """The provider's word about this subject lets nobody in any more."""

        def act(row: ExternalIdentity, reason: str) -> str:
            by = User.objects.get(pk=request.user.pk or 0)
            return "" if identities.unlink(row, by=by, reason=reason) else f"{row} is linked to nobody."

        return confirmed(
            self,
            request,
            queryset.select_related("user"),
            title="Unlink these identities?",
            consequence="Single sign-on does not let them into these accounts any more, and the accounts' sessions "
            "end. Where accounts are made at first sight, the next sign-in may make a new one.",
            describe=lambda row: f"{row.user}: {row}",
            act=act,
        )


class NewAccountForm(_ModelForm):
    """A new account without a password."""

    class Meta:
        model = User
        fields = ("username",)

    def save(self, commit: bool = True) -> User:
        self.instance.set_unusable_password()
        return super().save(commit)


admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(AnswersRubbish, AsksFirst, _UserAdmin):
    """Django's own page of accounts; without passwords where they are turned off."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None and not door.passwords_are_on():
            kwargs["form"] = NewAccountForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets = super().get_fieldsets(request, obj)
        if door.passwords_are_on():
            return sets
        if obj is None:
            return ((None, {"fields": ("username",)}),)
        return [
            (title, options | {"fields": tuple(name for name in options["fields"] if name != "password")})
            for title, options in sets
        ]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Raises PermissionDenied where passwords are turned off."""
        if not door.passwords_are_on():
            raise PermissionDenied(door.PASSWORDS_OFF)
        return super().user_change_password(request, id, form_url)


admin.site.unregister(Group)


@admin.register(Group)
class AccountGroupAdmin(AnswersRubbish, AsksFirst, GroupAdmin):
    """Django's own page of groups."""
