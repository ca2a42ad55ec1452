"""Delegation: a person names another who approves in their place until a day; it ends by itself, or earlier."""

from datetime import datetime, timedelta
from typing import Final, LiteralString

from django.contrib.auth.models import User
from django.db import transaction

from executions import lifecycle
from executions.authority import APPROVE
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.fresh import NOT_SAID, SignedIn, require_young
from executions.lifecycle import By
from executions.rights import records_refusals, refusal
from safety import rbac
from safety.choices import Permission
from safety.granting import administers_everywhere
from safety.masking.typed import words_of
from safety.models import Delegation, Tenant
from safety.sql import fetch_one
from safety.tokens.accounts import is_service_account

LONGEST_DAYS: Final = 30
MOST: Final = 10

_MAKE: LiteralString = """
INSERT INTO opsc_delegation (tenant_id, giver_id, deputy_id, starts_at, ends_at, reason)
SELECT %(tenant)s, %(giver)s, %(deputy)s, t.begins, t.ends, left(%(reason)s, 300)
FROM (SELECT coalesce(%(begins)s, statement_timestamp()) AS begins,
             coalesce(%(ends)s, statement_timestamp() + %(lasts)s::interval) AS ends) t
WHERE t.ends > greatest(t.begins, statement_timestamp()) AND t.begins >= statement_timestamp() - interval '5 minutes'
  AND t.ends <= statement_timestamp() + make_interval(days => %(days)s)
RETURNING id
"""

_END: LiteralString = """
UPDATE opsc_delegation SET ended_at = statement_timestamp(), ended_by_id = %(user)s
WHERE id = %(id)s AND ended_at IS NULL AND ends_at > statement_timestamp() RETURNING id
"""


@records_refusals
def delegate(
    tenant: Tenant,
    *,
    user: User,
    deputy: User | None,
    ends_at: datetime | timedelta,
    reason: str,
    starts_at: datetime | None = None,
    signed_in: SignedIn = NOT_SAID,
) -> Delegation:
    """Let `deputy` approve what `user` may approve in the tenant.

    From now, or `starts_at`, until `ends_at`, or for so long from now.

    It lends what the giver has at each moment and nothing that was lent to them.

    Raises:
      NotAllowed: The giver approves nothing in this tenant by a membership of their own, or (SignInAgain) signed in too
        long ago: whoever has a copy of their session is not to give their right to somebody else.
      NotFound: The deputy is no member of the tenant.
      Refused: No reason, oneself, a service account, more than MOST, or an end that is over or more than LONGEST_DAYS
        days away.
      Conflict: They are the deputy already.
    """
    reason = words_of(reason)
    require_young("Naming a deputy", "Nothing was changed. Sign in again, then name them.", signed_in)
    person = _deputy_of(user, tenant, deputy)
    if not reason:
        raise Refused("A reason is needed.", hint="It is shown wherever the deputy approves for you.")
    parameters = {"tenant": tenant.pk, "giver": user.pk, "deputy": person.pk, "reason": reason}
    is_span = isinstance(ends_at, timedelta)
    moments = {"begins": starts_at, "ends": None if is_span else ends_at, "days": LONGEST_DAYS}
    moments["lasts"] = ends_at if is_span else None
    with transaction.atomic():
        row = fetch_one(_MAKE, parameters | moments)
        if row is None:
            raise Refused(
                f"It has to begin now or later, and end after that and within {LONGEST_DAYS} days.",
                hint="Give an end in that time; it can be made anew.",
            )
        made = Delegation.objects.select_related("tenant", "giver", "deputy").get(pk=row["id"])
        _record("approval.delegated", made, user)
    return made


def _deputy_of(user: User, tenant: Tenant, deputy: User | None) -> User:
    """The deputy, where this person may name this one. Raises like `delegate`."""
    if not _holds(user, tenant, APPROVE):
        said = f"You approve nothing in {tenant}, so there is nothing to delegate."
        raise NotAllowed(said, refused=refusal(user, APPROVE, tenant, said))
    if deputy is None or not _holds(deputy, tenant, Permission.VIEW.value):
        raise NotFound(f"There is no member of {tenant} with this name.")
    if deputy.pk == user.pk:
        raise Refused("Nobody is their own deputy.", hint="Name somebody else.")
    if is_service_account(deputy):
        raise Refused("A service account approves nothing.", hint="Name a person.")
    open_ones = Delegation.objects.open().filter(tenant=tenant)
    if open_ones.filter(giver=user, deputy=deputy).exists():
        raise Conflict(f"{deputy} is your deputy already.", hint="End that delegation first.")
    if max(open_ones.filter(giver=user).count(), open_ones.filter(deputy=deputy).count()) >= MOST:
        raise Refused(
            f"Nobody has more than {MOST} deputies, or is one of more people.", hint="End one first."
        )
    return deputy


def end(delegation_id: int, *, user: User) -> None:
    """End a delegation before its time: by who gave it, the deputy, or an admin of the tenant.

    What was approved under it and has not ended does not count from then on.

    Raises:
      NotFound: No such delegation for this person.
      Conflict: It is over.
    """
    with transaction.atomic():
        found = (
            Delegation.objects.select_related("tenant", "giver", "deputy").filter(pk=delegation_id).first()
        )
        if found is None or not may_end(found, user):
            raise NotFound("There is no such delegation.")
        if fetch_one(_END, {"id": delegation_id, "user": user.pk}) is None:
            raise Conflict("This delegation is over.", hint="Look again.")
        _record("approval.delegation_ended", found, user)


def may_end(delegation: Delegation, user: User) -> bool:
    """Whether this person may end it before its time."""
    if user.pk in (delegation.giver_id, delegation.deputy_id):
        return _holds(user, delegation.tenant, Permission.VIEW.value)
    return user.is_superuser or administers_everywhere(user, delegation.tenant_id)


def _holds(user: User, tenant: Tenant, permission: str) -> bool:
    """By a membership of their own, also where they are a superuser."""
    wants = rbac.to_hold(permission)
    return rbac.look(rbac.Question(tenant_id=tenant.pk, actor_id=user.pk, wants=wants)).allowed


def _record(type_: str, delegation: Delegation, user: User) -> None:
    lifecycle.record(
        type_,
        tenant_id=delegation.tenant_id,
        execution_id=None,
        by=By.user(user),
        data={
            "from": delegation.giver.get_username(),
            "to": delegation.deputy.get_username(),
            "until": delegation.ends_at.isoformat(),
            "reason": delegation.reason,
        },
    )
