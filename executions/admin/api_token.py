"""API tokens in the admin: what there is and was of them, never a value; revoke one."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from executions import api_tokens
from executions.admin.execution import person
from executions.admin.refused import objection
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed
from safety.tokens.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(HistoryAdmin):
    """Made under Your account or with `manage.py api_token create`."""

    list_display = (
        "name",
        "prefix",
        "user",
        "tenant",
        "scopes",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = (TenantFilter,)
    list_select_related = ("user", "tenant")
    search_fields = ("name", "prefix", "user__username")
    exclude = ("digest",)
    for_auditors = ("last_used_from",)
    ordering = ("-pk",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "safety.administer_tenant")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> HttpResponse | None:
        """End the tokens for good."""
        return confirmed(
            self,
            request,
            queryset,
            title="Revoke these tokens?",
            consequence="They open nothing any more, and what was submitted with them stops before its next step.",
            act=lambda token, reason: objection(
                lambda: api_tokens.revoke(token.pk, by=person(request), reason=reason), token
            ),
        )
