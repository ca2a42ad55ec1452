"""What stands switched off: who sees it, who may turn it, and what it keeps from being submitted."""

from collections.abc import Iterable
from typing import Any, LiteralString
from uuid import UUID

from django.db.models import Q, QuerySet

from executions import lifecycle
from executions.errors import SwitchedOff
from executions.lifecycle import ClaimedStep
from executions.models import Asset, Execution
from executions.plans import FrozenPlan
from safety.models import Switch, SwitchMode, Tenant
from safety.sql import fetch, fetch_one
from safety.visibility import tenants_visible_to

_RUNS_COMMANDS = ("command", "script")

_HOLDING: LiteralString = (
    """
SELECT w.id FROM opsc_standing_switch w
JOIN opsc_execution e ON e.id = %(execution)s AND (w.tenant_id IS NULL OR w.tenant_id = e.tenant_id)
WHERE e.finished_at IS NULL AND (w.mode <> 'no_new_runs' OR NOT """
    + lifecycle.BEGUN
    + ") AND ("
    + lifecycle.REACHED
    + " OR "
    + lifecycle.PROBE_REACHED
    + ")"
)

_ON_CONNECTOR: LiteralString = """
SELECT id FROM opsc_standing_switch
WHERE connector = %(connector)s AND mode = ANY(%(modes)s) AND (tenant_id IS NULL OR tenant_id = %(tenant)s)
  AND (environment = '' OR environment = %(environment)s)
ORDER BY id LIMIT 1
"""


def visible(user: Any) -> QuerySet[Switch]:
    """Switches of the tenants that the person sees, and those that hold for everybody."""
    if user.is_superuser:
        return Switch.objects.select_related("tenant")
    mine = Q(tenant_id__in=tenants_visible_to(user)) | Q(tenant__isnull=True)
    return Switch.objects.select_related("tenant").filter(mine)


def may_turn(switch: Switch, user: Any) -> bool:
    """Whether this person may turn or lift it."""
    if user.is_superuser:
        return True
    return (
        switch.tenant is not None and not switch.by_platform and user.has_perm("safety.turn_switch", switch)
    )


def holding(execution: Execution) -> list[Switch]:
    """The standing switches that hold back what the execution still has to do, oldest first."""
    found = [row["id"] for row in fetch(_HOLDING, {"execution": execution.pk})]
    return list(Switch.objects.filter(pk__in=found).select_related("tenant").order_by("pk"))


def why_off(step: ClaimedStep, kind: str, *modes: SwitchMode) -> str:
    """Who switched off the connector by which a probe or clean-up of this kind would reach the step's target, and why.

    Empty when nobody did, in one of these modes and by naming the connector.
    """
    asked = {
        "connector": step.connection if kind in _RUNS_COMMANDS else kind,
        "modes": list(modes),
        "tenant": step.tenant_id,
        "environment": step.asset_environment or step.environment,
    }
    row = fetch_one(_ON_CONNECTOR, asked)
    if row is None:
        return ""
    switch = Switch.objects.select_related("tenant").get(pk=row["id"])
    return f"switched off ({switch.scope}) by {switch.told_by}: {switch.reason}"


def objection(frozen: FrozenPlan, tenant: Tenant) -> SwitchedOff | None:
    """Why no such run is taken now; None when none of it is switched off."""
    standing = Switch.objects.standing().filter(Q(tenant=tenant) | Q(tenant=None)).select_related("tenant")
    met = [switch for switch in standing if _meets(switch, frozen)]
    if not met:
        return None
    first = max(met, key=lambda switch: switch.by_platform)
    who = "one of them" if first.by_platform else "somebody"
    return SwitchedOff(
        f"Runs are switched off ({first.scope}: {first.get_mode_display()}) by {first.told_by}: {first.reason}",
        hint=f"Until {first.ends_at:%Y-%m-%d %H:%M} UTC, or until {who} lifts it on the page of switches.",
    )


def _meets(switch: Switch, frozen: FrozenPlan) -> bool:
    environments = {environment for environment, _ in frozen.touches}
    if switch.environment and switch.environment not in environments:
        return False
    if not switch.connector:
        return True
    kinds = {step.kind for step in frozen.steps}
    if switch.connector in kinds:
        return True
    targets = {target for step in frozen.steps if step.kind in _RUNS_COMMANDS for target in step.targets}
    return _any_is_reached_by(switch.connector, targets)


def _any_is_reached_by(connector: str, assets: Iterable[UUID | None]) -> bool:
    return Asset.objects.filter(pk__in=list(assets), connection=connector).exists()
