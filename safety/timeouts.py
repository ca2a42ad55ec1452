"""Which row of the timeout policy applies."""

from safety.choices import ActionClass, SlaClass
from safety.models import TimeoutPolicy


def policy_for(sla: SlaClass | str, action_class: ActionClass | str) -> TimeoutPolicy:
    """The policy of this SLA class and action class, as the admin has it now.

    Raises TimeoutPolicy.DoesNotExist when somebody deleted it: no limits means no run.
    """
    return TimeoutPolicy.objects.get(sla=sla, action_class=action_class)
