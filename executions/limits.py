"""What a person may ask for: targets and step runs of one run, submissions in a minute; what may run at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID

from django.db import transaction

from executions import lifecycle
from executions.errors import LimitReached, TooFast
from executions.models import Asset, Execution
from executions.plans import FrozenPlan
from safety import limits
from safety.models import Limit, LimitKind, Tenant
from safety.sql import fetch, fetch_one

_OF_A_PLAN = (LimitKind.TARGETS, LimitKind.STEP_RUNS)

_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('opsc_limit'), %(person)s::int)"

_LATELY: LiteralString = """
SELECT count(*)::int AS number FROM opsc_execution
WHERE tenant_id = %(tenant)s AND requested_by_id = %(person)s
  AND created_at > statement_timestamp() - interval '1 minute'
"""

_REACHED: LiteralString = (
    """
SELECT w.id FROM opsc_limit w JOIN opsc_reached_limit full_one ON full_one.id = w.id
JOIN opsc_execution e ON e.id = %(execution)s AND (w.tenant_id IS NULL OR w.tenant_id = e.tenant_id)
WHERE e.finished_at IS NULL AND NOT """
    + lifecycle.BEGUN
    + " AND "
    + lifecycle.REACHED
)


def require(frozen: FrozenPlan, *, user: Any, tenant: Tenant) -> None:
    """Go on only when the plan is within what one of the person's roles allows. Raises LimitReached."""
    count = _Counts(frozen)
    _require(user, tenant, _OF_A_PLAN, count.of)


@contextmanager
def counted(user: Any, tenant: Tenant) -> Iterator[None]:
    """Submit something within this block: one more of the person's in this minute. Raises LimitReached.

    While there is such a limit, a person's submissions come one after the other.
    """
    if not limits.applying(user.pk, tenant.pk, [LimitKind.SUBMISSIONS]):
        yield
        return
    person = {"person": user.pk, "tenant": tenant.pk}
    with transaction.atomic():
        fetch(_LOCK, person)
        row = fetch_one(_LATELY, person) or {"number": 0}
        _require(user, tenant, [LimitKind.SUBMISSIONS], lambda _: row["number"] + 1)
        yield


def reached(execution: Execution) -> list[Limit]:
    """The limits on runs at work for which the execution, which has not begun, has to wait."""
    found = [row["id"] for row in fetch(_REACHED, {"execution": execution.pk})]
    return list(Limit.objects.filter(pk__in=found).select_related("tenant").order_by("pk"))


def _require(user: Any, tenant: Tenant, kinds: Any, number_for: Any) -> None:
    broken = [
        next((limit for limit in some if number_for(limit) > limit.most), None)
        for some in limits.applying(user.pk, tenant.pk, kinds)
    ]
    first = next((limit for limit in broken if limit is not None), None)
    if first is None or None in broken:  # one of the roles allows it
        return
    is_rate = first.kind == LimitKind.SUBMISSIONS
    now = f"this is number {number_for(first)}" if is_rate else f"this one has {number_for(first)}"
    later = "Try again in a minute. " if is_rate else ""
    raise (TooFast if is_rate else LimitReached)(
        f"At most {first.most} {first.get_kind_display()}{first.scope}; {now}.",
        hint=f"{later}It is a {first.whose}: {first.remedy}.",
    )


class _Counts:
    """What a plan has of each thing that is limited."""

    def __init__(self, frozen: FrozenPlan) -> None:
        self._frozen = frozen
        self._environments: dict[UUID, str] | None = None

    def of(self, limit: Limit) -> int:
        """How many of what the limit counts."""
        if limit.kind == LimitKind.STEP_RUNS:
            return self._frozen.step_run_count
        steps = [step for step in self._frozen.steps if limit.action_class in ("", step.action_class)]
        targets = {target for step in steps for target in step.targets if target is not None}
        if limit.environment:
            targets = {target for target in targets if self._environment(target) == limit.environment}
        return len(targets)

    def _environment(self, target: UUID) -> str:
        if self._environments is None:
            every = {one for step in self._frozen.steps for one in step.targets if one is not None}
            rows = Asset.objects.filter(pk__in=every).values_list("pk", "environment")
            self._environments = dict(rows)
        return self._environments.get(target, "")
