"""Rollouts in the admin: to be read; they are changed on their page or by command, where the figures stand."""

from django.contrib import admin

from safety.administration import HistoryAdmin, TenantFilter
from safety.models import Rollout


@admin.register(Rollout)
class RolloutAdmin(HistoryAdmin):
    """How far each tenant is."""

    list_display = ("tenant", "phase", "percent", "most_level", "changed_by", "changed_at", "reason")
    list_filter = (TenantFilter, "phase")
    list_select_related = ("tenant",)
    ordering = ("-changed_at", "-pk")
