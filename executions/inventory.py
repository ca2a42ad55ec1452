"""The assets of a tenant as a plan sees them, and what its approval policy asks for."""

from collections.abc import Collection
from dataclasses import replace
from typing import LiteralString

from executions.plans import FrozenPlan, InventoryItem, Plan, ResourceItem, freeze
from safety.approving import approval_for
from safety.sql import fetch

_BY_NAME: LiteralString = """
SELECT id, name, environment, tags, connection FROM opsc_asset
WHERE tenant_id = %(tenant)s AND is_active AND (name = ANY(%(names)s) OR id::text = ANY(%(names)s))
"""

_ALL: LiteralString = """
SELECT id, name, environment, tags, connection FROM opsc_asset WHERE tenant_id = %(tenant)s AND is_active
"""


_RESOURCES: LiteralString = """
SELECT id, name, capacity FROM opsc_resource WHERE tenant_id = %(tenant)s AND name = ANY(%(names)s)
"""


def frozen_for(tenant_id: int, plan: Plan) -> FrozenPlan:
    """The plan bound to what the tenant has now, with the approval that it needs by now. Raises PlanInvalid."""
    names = plan.resource_names()
    rows = fetch(_RESOURCES, {"tenant": tenant_id, "names": list(names)}) if names else []
    resources = [ResourceItem(row["id"], row["name"], row["capacity"]) for row in rows]
    frozen = freeze(plan, inventory_for(tenant_id, plan.target_names()), resources)
    return _with_approval(tenant_id, frozen)


def _with_approval(tenant_id: int, frozen: FrozenPlan) -> FrozenPlan:
    """A plan asks for more than the policy, never for less. Its highest class counts in its highest environment."""
    cells = {*frozen.touches, (frozen.environment, frozen.action_class)}
    policy, asked = approval_for(cells, tenant_id), frozen.approval_level
    return replace(
        frozen,
        approval_level=max(policy.level, asked),
        approval_policy=f"{policy.name}, raised by the plan" if asked > policy.level else policy.name,
        approval_quorum=policy.quorum,
        approval_groups=policy.groups,
        approval_s=policy.expires_s,
    )


def inventory_for(tenant_id: int, names: Collection[str] | None) -> list[InventoryItem]:
    """The tenant's active assets with these names or ids; all of them when `names` is None."""
    if names is not None and not names:
        return []
    statement = _ALL if names is None else _BY_NAME
    rows = fetch(statement, {"tenant": tenant_id, "names": list(names or [])})
    return [
        InventoryItem(row["id"], row["name"], row["environment"], frozenset(row["tags"]), row["connection"])
        for row in rows
    ]
