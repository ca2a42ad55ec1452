"""The timeout matrix in the admin, and the tenants' own rows of it."""

from django.contrib import admin

from safety.admin.platform_rows import PlatformRowsAdmin, WhoseFilter
from safety.models import TimeoutPolicy
from safety.models.policy import LIMITS


@admin.register(TimeoutPolicy)
class TimeoutPolicyAdmin(PlatformRowsAdmin):
    """The nine cells of the matrix for everybody, which superusers edit, and rows of tenants instead of them.

    A tenant admin may only tighten: the platform's limits protect what all tenants share, its workers, and a
    person of one tenant must not be able to hold them longer than whoever runs the platform allows.
    """

    exception = "may_exceed"
    list_display = ("sla", "action_class", "whose", *LIMITS)
    list_filter = (WhoseFilter, "sla", "action_class")
    list_select_related = ("tenant",)
    ordering = ("sla", "action_class", "tenant")
    fields = ("tenant", "sla", "action_class", *LIMITS, "may_exceed")
    fixed_fields = ("tenant", "sla", "action_class")
