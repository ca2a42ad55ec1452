"""Links to decide by, in the admin: for whom and whether they were used. The links themselves are kept nowhere."""

from django.contrib import admin

from executions.models import ApprovalLink
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(ApprovalLink)
class ApprovalLinkAdmin(HistoryAdmin):
    """Made by the command `approval_link` and by notifications."""

    list_display = ("approval", "gate", "person", "tenant", "made_at", "used_at")
    list_filter = (TenantFilter,)
    list_select_related = ("approval__execution", "gate__step", "person", "tenant")
    search_fields = ("person__username",)
    uuid_fields = ("approval__execution_id",)
    ordering = ("-made_at", "-pk")
