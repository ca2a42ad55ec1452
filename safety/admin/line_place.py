"""Waiting lines in the admin: who waits for what, in the order in which they asked."""

from django.contrib import admin

from safety.administration import HistoryAdmin, TenantFilter
from safety.models import LinePlace


@admin.register(LinePlace)
class LinePlaceAdmin(HistoryAdmin):
    """One row for each thing that an execution waits for; the lowest place is next."""

    list_display = ("lockable_id", "execution_id", "mode", "quantity", "place", "asked_at")
    list_filter = ("mode", TenantFilter)
    uuid_fields = ("lockable_id", "execution_id")
    ordering = ("place", "lockable_id")
