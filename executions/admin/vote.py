"""Votes in the admin: read only."""

from django.contrib import admin

from executions.models import Vote
from safety.administration import HistoryAdmin, TenantFilter


@admin.register(Vote)
class VoteAdmin(HistoryAdmin):
    """Who said what about which approval."""

    list_display = ("approval", "person", "decision", "tenant", "at", "comment")
    list_filter = ("decision", TenantFilter)
    list_select_related = ("approval", "person", "tenant")
    search_fields = ("approval__execution__name", "comment")
    uuid_fields = ("approval__execution_id",)
    date_hierarchy = "at"
    for_auditors = ("address",)
    ordering = ("-pk",)
