"""A person as their API token makes them: never more than the person, and no more than the token says."""

from dataclasses import dataclass
from typing import Any

from safety.choices import Scope


@dataclass(frozen=True, kw_only=True)
class Bearing:
    """The token that somebody comes with, as the attribute `bearing` of the user."""

    id: int
    name: str
    prefix: str
    tenant_id: int
    scopes: tuple[str, ...]

    def allows(self, permission: str, tenant_id: int | None) -> bool:
        """Whether its scopes cover the permission, in this tenant (None: in its own)."""
        covered = {Scope(scope).permission for scope in self.scopes}
        return permission in covered and tenant_id in (None, self.tenant_id)


def bearing_of(user: Any) -> Bearing | None:
    """The token that this user came with; None for a person who signed in."""
    bearing = getattr(user, "bearing", None)
    return bearing if isinstance(bearing, Bearing) else None


def token_id_of(user: Any) -> int | None:
    """The id of that token."""
    bearing = bearing_of(user)
    return bearing.id if bearing else None
