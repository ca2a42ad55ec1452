"""The assets of a tenant as a plan sees them."""

from collections.abc import Collection
from typing import LiteralString

from executions.plans import FrozenPlan, InventoryItem, Plan, ResourceItem, freeze
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
    """The plan bound to what the tenant has now. Raises PlanInvalid."""
    names = plan.resource_names()
    rows = fetch(_RESOURCES, {"tenant": tenant_id, "names": list(names)}) if names else []
    resources = [ResourceItem(row["id"], row["name"], row["capacity"]) for row in rows]
    return freeze(plan, inventory_for(tenant_id, plan.target_names()), resources)


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
