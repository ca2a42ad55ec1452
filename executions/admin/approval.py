"""Approvals in the admin: read, approve, reject."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from executions import approvals
from executions.admin.refused import objection
from executions.models import Approval
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed


@admin.register(Approval)
class ApprovalAdmin(HistoryAdmin):
    """Who approved or rejected what; a decision is bound to the hash that the person saw."""

    list_display = ("execution", "status", "level", "tenant", "expires_at", "decided_by", "decided_at")
    list_filter = ("status", "level", TenantFilter)
    list_select_related = ("execution", "execution__requested_by", "tenant", "decided_by")
    search_fields = ("execution__name", "comment")
    uuid_fields = ("execution_id",)
    date_hierarchy = "requested_at"
    ordering = ("-pk",)
    actions = ("approve", "reject")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("execution__plan")

    def view_on_site(self, obj: Approval) -> str:
        """The page of its execution."""
        return reverse("executions:detail", args=[obj.execution_id])

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request, "executions.approve_execution")

    @admin.action(description="Approve", permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> HttpResponse | None:
        """Approve what the confirmation shows."""
        return confirmed(
            self,
            request,
            queryset.select_related(*self.list_select_related),
            title="Approve these?",
            consequence="Each is approved for exactly the hash shown, and queued.",
            describe=_described,
            binding=lambda approval: approval.approval_hash,
            act=lambda approval, comment: objection(
                lambda: approvals.approve(
                    approval.execution_id,
                    approval_hash=approval.approval_hash,
                    comment=comment,
                    **_signature(request),
                ),
                approval.execution,
            ),
        )

    @admin.action(description="Reject", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Approval]) -> HttpResponse | None:
        """Refuse the executions for good."""
        return confirmed(
            self,
            request,
            queryset.select_related(*self.list_select_related),
            title="Reject these?",
            consequence="They will not run. The requester sees the reason.",
            describe=_described,
            binding=lambda approval: approval.approval_hash,
            act=lambda approval, comment: objection(
                lambda: approvals.reject(approval.execution_id, comment=comment, **_signature(request)),
                approval.execution,
            ),
        )


def _described(approval: Approval) -> str:
    execution = approval.execution
    return (
        f"{execution}, asked for by {execution.requested_by}: {execution.get_action_class_display().lower()} in "
        f"{execution.get_environment_display().lower()}, {execution.total_runs} step runs, "
        f"level {approval.level}, hash {approval.approval_hash[:12]}"
    )


def _signature(request: HttpRequest) -> dict[str, Any]:
    return {
        "user": request.user,
        "signed_in_with": str(request.session.get("signed_in_with", "password")),
        "address": request.META.get("REMOTE_ADDR") or None,
    }
