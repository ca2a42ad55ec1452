"""Which row of the approval policy applies."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import LiteralString

from safety.models import ApprovalPolicy
from safety.sql import fetch

# The strictest of the cells decides. LEAST and MIN pass over an empty expiry; a cell without a row of the platform
# comes with an empty level.
_RULE: LiteralString = """
WITH asked AS (
SELECT c.environment || '/' || c.action_class || coalesce(' (' || t.slug || ')', '') AS name,
       CASE WHEN p.level IS NULL OR o.may_lower THEN coalesce(o.level, 0) ELSE greatest(p.level, o.level) END AS level,
       max(CASE WHEN p.level IS NULL OR o.may_lower THEN coalesce(o.quorum, 1) ELSE greatest(p.quorum, o.quorum) END)
           OVER () AS quorum,
       min(CASE WHEN o.may_lower THEN o.expires_s ELSE least(p.expires_s, o.expires_s) END) OVER () AS expires_s,
       CASE WHEN o.may_lower THEN '' ELSE coalesce(p.approvers, '') END AS approvers, coalesce(o.approvers, '') AS own,
       bool_and(p.id IS NOT NULL) OVER () AS is_whole
FROM (SELECT DISTINCT * FROM unnest(%(environments)s::text[], %(classes)s::text[]) AS x (environment, action_class)) c
LEFT JOIN opsc_approval_policy p
       ON p.tenant_id IS NULL AND p.environment = c.environment AND p.action_class = c.action_class
LEFT JOIN opsc_approval_policy o
       ON o.tenant_id = %(tenant)s AND o.environment = c.environment AND o.action_class = c.action_class
LEFT JOIN opsc_tenant t ON t.id = o.tenant_id
)
SELECT name, level, quorum, expires_s, is_whole,
       (SELECT coalesce(array_agg(DISTINCT x.name ORDER BY x.name), '{}')
        FROM asked a CROSS JOIN LATERAL (VALUES (a.approvers), (a.own)) x (name) WHERE x.name <> '') AS groups
FROM asked ORDER BY level DESC, name LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class AppliedApproval:
    """What a run needs; `name` says which row asked for it: `prod/deploy` or `prod/deploy (acme)`.

    quorum: how many people have to approve. groups: that many of each of them; anybody's where
    there are none. expires_s: None where the timeout policy alone says when a request expires.
    """

    name: str
    level: int
    quorum: int
    groups: tuple[str, ...]
    expires_s: int | None


def approval_for(cells: Collection[tuple[str, str]], tenant_id: int) -> AppliedApproval:
    """The approval for all these pairs of environment and action class, as the admin has the policy now.

    Raises ApprovalPolicy.DoesNotExist when somebody deleted a row of the platform: no rule means no run.
    """
    environments, classes = [cell[0] for cell in cells], [cell[1] for cell in cells]
    rows = fetch(_RULE, {"environments": environments, "classes": classes, "tenant": tenant_id})
    if not rows or not rows[0].pop("is_whole"):
        raise ApprovalPolicy.DoesNotExist(f"no approval policy for one of {sorted(cells)}")
    return AppliedApproval(**rows[0] | {"groups": tuple(rows[0]["groups"])})
