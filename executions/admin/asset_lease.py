"""Leases on assets in the admin: who holds what; release one that was kept for a person."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from executions import control
from executions.admin.execution import person
from executions.admin.refused import objection
from executions.models import Asset
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed
from safety.models import AssetLease


@admin.register(AssetLease)
class AssetLeaseAdmin(HistoryAdmin):
    """One row for each asset that is held now."""

    list_display = (
        "asset_id",
        "execution_id",
        "worker",
        "token",
        "acquired_at",
        "expires_at",
        "under_review",
        "reason",
    )
    list_filter = ("under_review", TenantFilter)
    search_fields = ("worker", "reason")
    uuid_fields = ("asset_id", "execution_id")
    ordering = ("expires_at", "asset_id")
    actions = ("release",)

    def has_release_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "safety.release_assetlease")

    @admin.action(description="Release what was kept for a person", permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet[AssetLease]) -> HttpResponse | None:
        """Free assets whose state a person has checked."""
        names = Asset.objects.in_bulk(list(queryset.values_list("asset_id", flat=True)[:100]))
        return confirmed(
            self,
            request,
            queryset,
            title="Release these assets?",
            consequence="Other executions may change them at once. Look first whether something still runs there.",
            describe=lambda lease: f"{names.get(lease.asset_id, lease.asset_id)}: {lease.reason or 'in use'}",
            binding=lambda lease: str(lease.token),
            act=lambda lease, reason: objection(
                lambda: control.release_lease(lease.asset_id, user=person(request), reason=reason),
                names.get(lease.asset_id, lease.asset_id),
            ),
        )
