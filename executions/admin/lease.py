"""Leases in the admin: who holds what; release what was kept for a person, or take it away from its holder."""

from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from executions import releasing
from executions.admin.execution import person
from executions.admin.refused import objection
from executions.standing import names_of
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed
from safety.models import Lease


@admin.register(Lease)
class LeaseAdmin(HistoryAdmin):
    """One row for each holder of an asset or a resource."""

    list_display = (
        "lockable_id",
        "execution_id",
        "mode",
        "quantity",
        "worker",
        "token",
        "acquired_at",
        "expires_at",
        "under_review",
        "reason",
    )
    list_filter = ("under_review", "mode", TenantFilter)
    search_fields = ("worker", "reason")
    uuid_fields = ("lockable_id", "execution_id")
    ordering = ("expires_at", "lockable_id")
    actions = ("release", "force_release")

    def has_release_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "safety.release_lease")

    def has_force_release_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "safety.force_release_lease")

    @admin.action(description="Release what was kept for a person", permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet[Lease]) -> HttpResponse | None:
        """Free assets whose state a person has checked."""
        return self._ask(
            request,
            queryset,
            title="Release these leases?",
            consequence="Other executions may change them at once. Look first whether something still runs there.",
            force=False,
        )

    @admin.action(description="Take away from its holder, by force", permissions=["force_release"])
    def force_release(self, request: HttpRequest, queryset: QuerySet[Lease]) -> HttpResponse | None:
        """Free assets although their holders are at work; the holders are told to stop."""
        return self._ask(
            request, queryset, title="Take these leases away?", consequence=releasing.CONSEQUENCE, force=True
        )

    def _ask(
        self, request: HttpRequest, queryset: QuerySet[Lease], *, title: str, consequence: str, force: bool
    ) -> HttpResponse | None:
        names: dict[UUID, str] = names_of(list(queryset.values_list("lockable_id", flat=True)[:100]))

        def name(lease: Lease) -> str:
            return names.get(lease.lockable_id, str(lease.lockable_id))

        return confirmed(
            self,
            request,
            queryset,
            title=title,
            consequence=consequence,
            describe=lambda lease: f"{name(lease)}: {lease.reason or releasing.holder_of(lease)}",
            binding=lambda lease: str(lease.token),
            act=lambda lease, reason: objection(
                lambda: releasing.release_lease(
                    lease.lockable_id,
                    user=person(request),
                    reason=reason,
                    execution_id=lease.execution_id,
                    force=force,
                ),
                name(lease),
            ),
        )
