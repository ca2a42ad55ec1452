"""Switch runs off and on again: for everybody, a tenant, an environment, a connector."""

from dataclasses import dataclass
from typing import LiteralString

from django.contrib.auth.models import User
from django.db import transaction

from executions import control, lifecycle
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.lifecycle import By
from executions.rights import records_refusals, refusal, require
from executions.states import ActorKind
from executions.switches import visible
from safety.masking.typed import words_of
from safety.models import Connector, Switch, SwitchMode, Tenant
from safety.models.switch import PLATFORM
from safety.sql import Row, fetch, fetch_one
from safety.visibility import tenants_visible_to

LONGEST_S = 30 * 86_400
THEIRS = "The platform's operators switched this off; only they can lift it."

# Two who turn one scope at the same moment come one after the other.
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('opsc_switch'))"

_REPLACE: LiteralString = """
UPDATE opsc_switch SET lifted_at = least(ends_at, statement_timestamp()), lifted_by = %(by)s,
       lift_reason = 'replaced by another one'
WHERE lifted_at IS NULL AND tenant_id IS NOT DISTINCT FROM %(tenant)s::bigint AND environment = %(environment)s
  AND connector = %(connector)s AND by_platform = %(by_platform)s
"""

_TURN: LiteralString = """
INSERT INTO opsc_switch (tenant_id, environment, connector, mode, reason, turned_by, by_platform, ends_at)
VALUES (%(tenant)s, %(environment)s, %(connector)s, %(mode)s, %(reason)s, %(by)s, %(by_platform)s,
        statement_timestamp() + make_interval(secs => %(lasts)s)) RETURNING id
"""

_LIFT: LiteralString = """
UPDATE opsc_switch SET lifted_at = least(ends_at, statement_timestamp()), lifted_by = %(by)s, lift_reason = %(reason)s
WHERE id = %(id)s AND lifted_at IS NULL RETURNING id
"""

_DUE: LiteralString = """
SELECT id FROM opsc_switch WHERE lifted_at IS NULL AND ends_at <= statement_timestamp() ORDER BY id LIMIT 200
"""

_TENANTS: LiteralString = "SELECT id FROM opsc_tenant WHERE id = %(tenant)s OR %(tenant)s::bigint IS NULL"

_TO_STOP: LiteralString = (
    """
SELECT DISTINCT ON (e.id) e.id, w.id AS switch FROM opsc_execution e
JOIN opsc_standing_switch w ON w.mode = 'stop' AND (w.tenant_id IS NULL OR w.tenant_id = e.tenant_id)
WHERE e.finished_at IS NULL AND e.cancel_requested_at IS NULL
  AND ("""
    + lifecycle.BEGUN
    + """ OR (e.status = 'needs_attention' AND EXISTS (
        SELECT FROM opsc_step_run x WHERE x.execution_id = e.id AND x.status = 'running'))) AND """
    + lifecycle.REACHED
    + " ORDER BY e.id LIMIT 200"
)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a switch holds; what is empty allows any."""

    tenant: Tenant | None = None
    environment: str = ""
    connector: str = ""


@records_refusals
def turn(scope: Scope, *, mode: str, user: User, reason: str, lasts_s: float) -> Switch:
    """Switch off what is in the scope, for so many seconds; a standing switch of the same scope is replaced.

    What superusers turn and what people of the tenant turn stand beside each other: neither replaces the other.
    `stop` cancels what runs, before this returns.

    Raises:
      NotFound, NotAllowed: No such tenant for this person, or their role may not; platform-wide: no superuser.
      Refused: No such mode, environment or connector, no reason, or no end within 30 days.
    """
    switch = Switch(tenant=scope.tenant, environment=scope.environment, connector=scope.connector, mode=mode)
    _require(switch, user)
    if mode not in SwitchMode.values or (scope.connector and scope.connector not in Connector.values):
        raise Refused(f"Modes: {', '.join(SwitchMode.values)}. Connectors: {', '.join(Connector.values)}.")
    reason = words_of(reason)
    if not reason:
        raise Refused("A reason is needed.", hint="Whoever is held up reads it.")
    if not 0 < lasts_s <= LONGEST_S:
        raise Refused("A switch ends by itself: in the future, and at most 30 days from now.")
    parameters = {
        "tenant": scope.tenant and scope.tenant.pk,
        "environment": scope.environment,
        "connector": scope.connector,
        "mode": mode,
        "reason": reason[:300],
        "by": user.get_username(),
        "by_platform": user.is_superuser,
        "lasts": float(lasts_s),
    }
    with transaction.atomic():
        fetch(_LOCK)
        fetch(_REPLACE, parameters)
        row = fetch_one(_TURN, parameters) or {}
        switch = Switch.objects.select_related("tenant").get(pk=row["id"])
        _record("switch.turned", switch, By.user(user), {"mode": mode, "until": switch.ends_at.isoformat()})
    stop_running()
    return switch


@records_refusals
def lift(switch_id: int, *, user: User, reason: str) -> Switch:
    """End a switch before its time. Raises NotFound, NotAllowed, Refused (no reason), Conflict (it is over)."""
    switch = visible(user).filter(pk=switch_id).first()
    if switch is None:
        raise NotFound("There is no such switch.")
    _require(switch, user)
    reason = words_of(reason)
    if not reason:
        raise Refused("A reason is needed.", hint="Say why runs may begin again.")
    with transaction.atomic():
        if not _end(switch, By.user(user), reason):
            raise Conflict("This switch is over already.", hint="Look again.")
    return switch


def end_due() -> int:
    """Close the switches whose time has come. They hold nothing from that moment on; this writes it down."""
    due = fetch(_DUE)
    for row in due:
        with transaction.atomic():
            switch = Switch.objects.select_related("tenant").get(pk=row["id"])
            _end(switch, By.system(), "it came to its end")
    return len(due)


def stop_running() -> int:
    """Cancel what runs although a switch says `stop`. Returns: how many."""
    stopped = 0
    while rows := fetch(_TO_STOP):
        stopped += sum(_stopped(row) for row in rows)
        if len(rows) < 200:
            break
    return stopped


def _require(switch: Switch, user: User) -> None:
    if user.is_superuser:
        return
    if switch.tenant is None:
        raise NotAllowed("Only a superuser may switch off what belongs to no single tenant.")
    if switch.tenant_id not in tenants_visible_to(user):
        raise NotFound("There is no such tenant.")
    if switch.by_platform:
        raise NotAllowed(
            THEIRS,
            hint="You can switch off more beside it.",
            refused=refusal(user, "safety.turn_switch", switch, "a superuser turned it"),
        )
    sentence = "Switching off runs needs the role operator or tenant admin, for all that the switch reaches."
    require(user, "safety.turn_switch", switch, sentence)


def _end(switch: Switch, by: By, reason: str) -> bool:
    if not fetch(_LIFT, {"id": switch.pk, "by": by.name, "reason": reason[:300]}):
        return False
    _record("switch.lifted", switch, by, {"why": reason})
    return True


def _record(type_: str, switch: Switch, by: By, data: dict[str, str]) -> None:
    """In the history of every tenant that the switch reaches."""
    if (switch.tenant_id is None or switch.by_platform) and by.kind is ActorKind.USER:
        by = By(ActorKind.USER, PLATFORM)
    told = data | {"scope": switch.scope, "reason": switch.reason}
    for row in fetch(_TENANTS, {"tenant": switch.tenant_id}):
        lifecycle.record(type_, tenant_id=row["id"], execution_id=None, by=by, data=told)


def _stopped(row: Row) -> int:
    switch = Switch.objects.select_related("tenant").get(pk=row["switch"])
    reason = f"switched off ({switch.scope}): {switch.reason}"
    try:
        control.cancel_by(row["id"], by=By(ActorKind.USER, switch.told_by), reason=reason)
    except Conflict:  # it ended by itself in between
        return 0
    return 1
