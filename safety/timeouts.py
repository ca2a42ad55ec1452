"""Which row of the timeout policy applies."""

from typing import LiteralString

from safety.choices import ActionClass, SlaClass
from safety.models import TimeoutPolicy
from safety.sql import fetch_one

_POLICY: LiteralString = "SELECT * FROM opsc_timeout_policy WHERE sla = %(sla)s AND action_class = %(action)s"


def policy_for(sla: SlaClass, action_class: ActionClass) -> TimeoutPolicy:
    """The policy of this SLA class and action class, as the admin has it now.

    Raises TimeoutPolicy.DoesNotExist when somebody deleted it: no limits means no run.
    """
    row = fetch_one(_POLICY, {"sla": sla, "action": action_class})
    if row is None:
        raise TimeoutPolicy.DoesNotExist(f"no timeout policy for {sla}/{action_class}")
    return TimeoutPolicy(**row)
