"""Everything that was ever leased, in the admin; its rows only order who takes and frees it."""

from django.contrib import admin

from safety.administration import HistoryAdmin, TenantFilter
from safety.models import Lockable


@admin.register(Lockable)
class LockableAdmin(HistoryAdmin):
    """Assets and resources by their ids."""

    list_display = ("id", "tenant_id")
    list_filter = (TenantFilter,)
    uuid_fields = ("pk",)
    ordering = ("pk",)
