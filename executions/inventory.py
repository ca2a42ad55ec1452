"""The assets of a tenant as a plan sees them."""

from collections.abc import Collection
from typing import LiteralString

from executions.plans import InventoryItem
from safety.sql import fetch

_BY_NAME: LiteralString = """
SELECT id, name, environment, tags, connection FROM opsc_asset
WHERE tenant_id = %(tenant)s AND is_active AND (name = ANY(%(names)s) OR id::text = ANY(%(names)s))
"""

_ALL: LiteralString = """
SELECT id, name, environment, tags, connection FROM opsc_asset WHERE tenant_id = %(tenant)s AND is_active
"""


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
