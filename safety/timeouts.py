"""Which row of the timeout policy applies."""

from dataclasses import dataclass
from typing import LiteralString

from safety.choices import ActionClass, SlaClass
from safety.models import TimeoutPolicy
from safety.sql import fetch_one

# The tenant's own row, held to the platform's limits of today unless a superuser let it exceed them.
_POLICY: LiteralString = """
SELECT p.sla || '/' || p.action_class || coalesce(' (' || t.slug || ')', '') AS name,
       CASE WHEN o.may_exceed THEN o.step_s ELSE least(o.step_s, p.step_s) END AS step_s,
       CASE WHEN o.may_exceed THEN o.execution_s ELSE least(o.execution_s, p.execution_s) END AS execution_s,
       CASE WHEN o.may_exceed THEN o.lease_s ELSE least(o.lease_s, p.lease_s) END AS lease_s,
       CASE WHEN o.may_exceed THEN o.approval_s ELSE least(o.approval_s, p.approval_s) END AS approval_s,
       CASE WHEN o.may_exceed THEN o.attempts ELSE least(o.attempts, p.attempts) END AS attempts
FROM opsc_timeout_policy p
LEFT JOIN opsc_timeout_policy o
       ON o.sla = p.sla AND o.action_class = p.action_class AND o.tenant_id = %(tenant)s
LEFT JOIN opsc_tenant t ON t.id = o.tenant_id
WHERE p.tenant_id IS NULL AND p.sla = %(sla)s AND p.action_class = %(action)s
"""


@dataclass(frozen=True, kw_only=True)
class AppliedPolicy:
    """The limits that hold, seconds; `name` says which row they are from: `long/deploy` or `long/deploy (acme)`."""

    name: str
    step_s: int
    execution_s: int
    lease_s: int
    approval_s: int
    attempts: int


def policy_for(sla: SlaClass, action_class: ActionClass, tenant_id: int) -> AppliedPolicy:
    """The limits of this SLA class and action class for the tenant, as the admin has them now.

    Raises TimeoutPolicy.DoesNotExist when somebody deleted the platform's row: no limits means no run.
    """
    row = fetch_one(_POLICY, {"sla": sla, "action": action_class, "tenant": tenant_id})
    if row is None:
        raise TimeoutPolicy.DoesNotExist(f"no timeout policy for {sla}/{action_class}")
    return AppliedPolicy(**row)
