"""What stands in a tenant's way, in one look: most submissions meet nothing of it and need not ask further."""

from dataclasses import dataclass
from typing import LiteralString

from safety.sql import fetch_one

_STANDING: LiteralString = """
SELECT EXISTS (SELECT FROM opsc_standing_switch WHERE tenant_id IS NULL OR tenant_id = %(tenant)s) AS switches,
       EXISTS (SELECT FROM opsc_limit WHERE kind <> 'running' AND (tenant_id IS NULL OR tenant_id = %(tenant)s))
           AS limits,
       EXISTS (SELECT FROM opsc_rollout WHERE tenant_id = %(tenant)s AND phase <> 'full') AS rollout,
       (SELECT rollout_version FROM opsc_tenant WHERE id = %(tenant)s) AS rollout_version
"""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whether there is any such thing for the tenant; what it says is to be asked for.

    rollout_version: of the rollout at the moment of the look.
    """

    switches: bool
    limits: bool
    rollout: bool
    rollout_version: int | None


def standing(tenant_id: int) -> Standing:
    """As it is now: for the tenant, or for everybody."""
    row = fetch_one(_STANDING, {"tenant": tenant_id})
    return (
        Standing(**row) if row else Standing(switches=True, limits=True, rollout=True, rollout_version=None)
    )
