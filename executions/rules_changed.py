"""Puts changes of masking rules into the history of every tenant whose output they mask, in the same transaction."""

from typing import Any

from django.dispatch import receiver

from executions import lifecycle
from executions.lifecycle import By
from executions.states import ActorKind
from safety.models import MaskingRule, Tenant
from safety.models.switch import PLATFORM
from safety.signals import masking_rule_changed


@receiver(masking_rule_changed)
def record_change(
    sender: Any, *, change: str, now: MaskingRule | None, before: MaskingRule | None, by: Any, **_: Any
) -> None:
    """Write `masking.rule_changed`: what was masked, what is masked, and who says so."""
    del sender
    rule = now or before
    if rule is None:
        return
    everybodys = rule.tenant_id is None
    tenants = Tenant.objects.all() if rule.tenant_id is None else Tenant.objects.filter(pk=rule.tenant_id)
    for tenant_id in tenants.order_by("pk").values_list("pk", flat=True):
        lifecycle.record(
            "masking.rule_changed",
            tenant_id=tenant_id,
            execution_id=None,
            by=By(ActorKind.USER, PLATFORM) if everybodys else By.user(by),
            data={"change": change, "before": _told(before), "now": _told(now)},
        )


def _told(rule: MaskingRule | None) -> str:
    if rule is None:
        return ""
    return f"{rule.kind}: {rule.pattern}" + ("" if rule.is_active else " (not active)")
