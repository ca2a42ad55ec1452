"""Change how far a tenant's runs are let at real targets."""

from dataclasses import dataclass
from typing import Any, LiteralString

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from executions import control, lifecycle
from executions.errors import Conflict, NotFound, Refused
from executions.lifecycle import By
from executions.models import Execution
from executions.rights import records_refusals, require
from executions.rollout import rollout_of
from safety.choices import ActionClass, Environment
from safety.masking.typed import words_of
from safety.models import Rollout, Tenant
from safety.sql import fetch
from safety.visibility import tenants_visible_to

_LOCK: LiteralString = "SELECT id FROM opsc_tenant WHERE id = %(tenant)s FOR UPDATE"
_STORED = ("phase", "percent", "most_level", "reason", "changed_by")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The phase to come. `percent` and `most_level` matter for `canary` only."""

    phase: str
    percent: int = 5
    most_level: int = 1


@records_refusals
def change(tenant: Tenant, wanted: Wanted, *, user: User, reason: str, cancel_open: bool = False) -> Rollout:
    """Set the tenant's phase; it counts for every submission from now on. `cancel_open`: end what is under way, too.

    Raises:
      NotFound, NotAllowed: No such tenant for this person, or no right in all of it.
      Refused: No such phase, percentage or level, or no reason.
    """
    _require(tenant, user)
    made = _checked(tenant, wanted, user, reason)
    with transaction.atomic():
        fetch(_LOCK, {"tenant": tenant.pk})
        before = rollout_of(tenant)
        stored = {name: getattr(made, name) for name in _STORED}
        Rollout.objects.update_or_create(tenant=tenant, defaults=stored | {"changed_at": Now()})
        told = {"before": str(before), "now": str(made), "reason": made.reason, "cancels": cancel_open}
        lifecycle.record(
            "rollout.changed", tenant_id=tenant.pk, execution_id=None, by=By.user(user), data=told
        )
    if cancel_open:
        _cancel_open(tenant, By.user(user), f"rollout {wanted.phase}: {made.reason}")
    return made


@dataclass(frozen=True)
class _All:
    """All of a tenant, as something to ask about: whoever is limited to a part of it does not hold the right."""

    tenant_id: int
    touches: tuple[str, ...] = tuple(
        f"{environment}:{action}" for environment in Environment.values for action in ActionClass.values
    )


def may_change(tenant: Tenant, user: User) -> bool:
    """Whether this person may change the rollout of the tenant."""
    about: Any = _All(tenant.pk)
    return user.is_superuser or user.has_perm("safety.administer_tenant", about)


def _require(tenant: Tenant, user: User) -> None:
    if user.is_superuser:
        return
    if tenant.pk not in tenants_visible_to(user):
        raise NotFound("There is no such tenant.")
    sentence = "Changing the rollout needs the role tenant admin, without limits."
    require(user, "safety.administer_tenant", _All(tenant.pk), sentence)


def _checked(tenant: Tenant, wanted: Wanted, user: User, reason: str) -> Rollout:
    reason = words_of(reason)
    if not reason:
        raise Refused("A reason is needed.", hint="Say what the figures are, or what went wrong.")
    made = Rollout(
        tenant=tenant,
        phase=wanted.phase,
        percent=wanted.percent,
        most_level=wanted.most_level,
        reason=reason[:300],
        changed_by=user.get_username(),
    )
    try:
        made.full_clean(exclude=["tenant", "changed_at"])
    except ValidationError as problem:
        said = (f"{name}: {' '.join(words)}" for name, words in problem.message_dict.items())
        raise Refused(" ".join(said), hint="See: manage.py rollout --help") from None
    return made


def _cancel_open(tenant: Tenant, by: By, reason: str) -> None:
    for key in Execution.objects.filter(tenant=tenant, finished_at=None).values_list("pk", flat=True):
        try:
            control.cancel_by(key, by=by, reason=reason)
        except Conflict:  # it ended by itself in between
            continue
