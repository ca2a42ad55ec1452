"""Signing in, in the admin: for superusers, who alone look after accounts."""

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from safety.administration import HistoryAdmin
from safety.confirmation import confirmed
from safety.signin import factors, locks
from safety.signin.models import SecondFactor, SignInCount, SignInRecord
from safety.signin.throttle import KINDS


class PlatformAdmin(HistoryAdmin):
    """Rows of no tenant: a superuser reads them, nobody else."""

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
