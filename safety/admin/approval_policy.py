"""Which approval a change needs, in the admin."""

from django.contrib import admin

from safety.admin.platform_rows import PlatformRowsAdmin, WhoseFilter
from safety.models import ApprovalPolicy


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(PlatformRowsAdmin):
    """The nine cells for everybody, which superusers edit, and rows of tenants, which ask for more."""

    exception = "may_lower"
    list_display = ("environment", "action_class", "whose", "level", "quorum", "approvers", "expires_s")
    list_filter = (WhoseFilter, "environment", "action_class")
    list_select_related = ("tenant",)
    ordering = ("environment", "action_class", "tenant")
    fields = (
        "tenant",
        "environment",
        "action_class",
        "level",
        "quorum",
        "approvers",
        "expires_s",
        "may_lower",
    )
    fixed_fields = ("tenant", "environment", "action_class")
