"""Named resources in the admin: what a plan may ask for besides its targets, and how much of it there is."""

from django.contrib import admin

from safety.administration import TenantAdministeredAdmin, TenantFilter
from safety.models import Resource


@admin.register(Resource)
class ResourceAdmin(TenantAdministeredAdmin):
    """A lower capacity takes nothing away from who holds it already. The name is fixed: plans say it."""

    list_display = ("name", "tenant", "capacity", "description")
    list_filter = (TenantFilter,)
    list_select_related = ("tenant",)
    search_fields = ("name", "description")
    uuid_fields = ("pk",)
    ordering = ("name", "pk")
    fixed_fields = ("tenant", "name")
    readonly_fields = ("id", "created_at")
