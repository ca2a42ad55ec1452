"""Approvals in the admin: read, approve, reject."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from executions import approvals
from executions.admin.execution import person
from executions.admin.refused import objection
from executions.fresh import FROM_LEVEL
from executions.models import Approval
from executions.web.second_step import again_address, signed_in
from safety.administration import HistoryAdmin, TenantFilter
from safety.confirmation import confirmed
from safety.signin import sessions


@admin.register(Approval)
class ApprovalAdmin(HistoryAdmin):
    """Who approved or rejected what; a decision is bound to the hash that the person saw."""

    list_display = (
        "execution",
        "status",
        "level",
        "policy",
        "quorum",
        "tenant",
        "expires_at",
        "decided_by",
        "decided_at",
    )
    list_filter = ("status", "level", TenantFilter)
    list_select_related = ("execution", "execution__requested_by", "tenant", "decided_by")
    search_fields = ("execution__name", "comment")
    uuid_fields = ("execution_id",)
    date_hierarchy = "requested_at"
    for_auditors = ("address",)
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
        """Approve what the confirmation shows, after a sign-in that is young enough."""
        if not sessions.is_fresh(request) and queryset.filter(level__gte=FROM_LEVEL).exists():
            self.message_user(request, "Sign in again, then approve. Nothing was approved.", messages.WARNING)
            return redirect(again_address(request.get_full_path()))
        return confirmed(
            self,
            request,
            queryset.select_related(*self.list_select_related),
            title="Approve these?",
            consequence="Each is approved for exactly the hash shown, and queued once as many approved it as it needs.",
            describe=_described,
            binding=lambda approval: approval.approval_hash,
            act=lambda approval, comment: objection(
                lambda: approvals.approve(
                    approval.execution_id,
                    approval_hash=approval.approval_hash,
                    comment=comment,
                    user=person(request),
                    signed_in=signed_in(request),
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
                lambda: approvals.reject(
                    approval.execution_id, comment=comment, user=person(request), signed_in=signed_in(request)
                ),
                approval.execution,
            ),
        )


def _described(approval: Approval) -> str:
    execution = approval.execution
    return (
        f"{execution}, asked for by {execution.requested_by}: {execution.get_action_class_display().lower()} in "
        f"{execution.get_environment_display().lower()}, {execution.total_runs} step runs, "
        f"level {approval.level}, needs {approval.quorum}, hash {approval.approval_hash[:12]}"
    )
