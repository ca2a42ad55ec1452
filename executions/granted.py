"""Puts changes of memberships into the history, in the transaction that makes them."""

from typing import Any

from django.dispatch import receiver

from executions import lifecycle
from executions.lifecycle import By
from safety.models import Membership
from safety.signals import grant_changed


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
            "ends_at": membership.ends_at.isoformat() if membership.ends_at else "",
            "reason": membership.reason,
        },
    )
