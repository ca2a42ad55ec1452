"""A person says that what looks like a secret in a plan is none."""

from collections.abc import Iterable
from typing import Any

from executions import rights
from executions.plans import Plan
from safety.masking.typed import words_of
from safety.models import Tenant

LONGEST_REASON = 300  # characters
PERMISSION = "safety.override_secret_check"


@rights.records_refusals
def require(user: Any, tenant: Tenant, touches: Iterable[tuple[str, str]]) -> None:
    """Raises NotAllowed, and records it, unless the person holds the permission wherever the plan touches.

    `touches`: every pair of environment and action class of the plan.
    """
    reach = rights.Reach(tenant_id=tenant.pk, touches=tuple(":".join(pair) for pair in touches))
    rights.require(user, PERMISSION, reach, "You may not say that what looks like a secret is none.")


def record_of(plan: Plan, reason: str) -> dict[str, Any] | None:
    """What the history keeps: places and kinds, never values; None when nothing looked like a secret."""
    if not plan.likely_secrets:
        return None
    found = [{"place": place, "kind": kind} for place, kind in plan.likely_secrets]
    return {"reason": words_of(reason)[:LONGEST_REASON], "found": found}
