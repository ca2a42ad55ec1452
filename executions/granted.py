"""Puts changes of memberships and roles into the history, in the transaction that makes them."""

from typing import Any

from django.dispatch import receiver

from executions import lifecycle
from executions.lifecycle import By
from safety.models import GroupMember, Membership, TenantRole
from safety.signals import grant_changed, group_changed, role_changed


@receiver(grant_changed)
def record_change(sender: Any, *, membership: Membership, change: str, by: Any, **_: Any) -> None:
    """Write `rbac.grant_changed`: who may do what, and who says so."""
    del sender
    lifecycle.record(
        "rbac.grant_changed",
        tenant_id=membership.tenant_id,
        execution_id=None,
        by=By.user(by),
        data={
            "change": change,
            "person": membership.user.get_username(),
            "role": membership.role,
            "environments": ", ".join(membership.environments) or "every",
            "action_classes": ", ".join(membership.action_classes) or "those of the role",
            "approves_up_to": membership.approves_up_to,
            "ends_at": membership.ends_at.isoformat() if membership.ends_at else "",
            "reason": membership.reason,
        },
    )


@receiver(group_changed)
def record_group(sender: Any, *, member: GroupMember, change: str, by: Any, **_: Any) -> None:
    """Write `approval.group_changed`: who approves for which group, and who says so."""
    del sender
    lifecycle.record(
        "approval.group_changed",
        tenant_id=member.tenant_id,
        execution_id=None,
        by=By.user(by),
        data={"change": change, "person": member.user.get_username(), "group": member.group},
    )


@receiver(role_changed)
def record_role(sender: Any, *, role: TenantRole, change: str, by: Any, **_: Any) -> None:
    """Write `rbac.role_changed` into the history of each tenant where somebody has the role."""
    del sender
    tenants = (
        Membership.objects.filter(role=role.name).order_by("tenant_id").values_list("tenant_id", flat=True)
    )
    for tenant_id in tenants.distinct():
        lifecycle.record(
            "rbac.role_changed",
            tenant_id=tenant_id,
            execution_id=None,
            by=By.user(by),
            data={"change": change, "role": role.name, "permissions": ", ".join(role.permissions)},
        )
