"""What RBAC was asked and answered about one execution, for its page."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User

from executions.models import Asset, Execution
from executions.web import why
from safety.explaining import may_ask_about_others
from safety.models import AccessDecision

DECISIONS_SHOWN = 30


@dataclass(frozen=True)
class Shown:
    """A decision with the names of the person and the asset; empty where there is none.

    why: where to read why it is refused, for those who may ask; else empty.
    """

    decision: AccessDecision
    person: str
    asset: str
    why: str


def decisions_of(execution: Execution, user: User | AnonymousUser, *, of_all: bool) -> list[Shown]:
    """The newest decisions about an execution, newest first; those about this person alone unless `of_all`."""
    rows = AccessDecision.objects.filter(execution_id=execution.pk, tenant_id=execution.tenant_id)
    if not of_all:
        rows = rows.filter(actor_id=user.pk, actor_id__isnull=False)
    found = list(rows.order_by("-id")[:DECISIONS_SHOWN])
    people = dict(User.objects.filter(pk__in={row.actor_id for row in found}).values_list("pk", "username"))
    wanted = {row.asset_id for row in found if row.asset_id}
    assets: dict[UUID, str] = dict(
        Asset.objects.visible_to(user).filter(pk__in=wanted).values_list("pk", "name")
    )
    others = isinstance(user, User) and may_ask_about_others(user, execution.tenant)

    def shown(row: AccessDecision) -> Shown:
        name = people.get(row.actor_id or 0, "")
        may_ask = name and not row.allowed and (others or row.actor_id == user.pk)
        asked = _why(row, name, execution) if may_ask else ""
        return Shown(row, name, assets.get(row.asset_id, "") if row.asset_id else "", asked)

    return [shown(row) for row in found]


def _why(row: AccessDecision, name: str, execution: Execution) -> str:
    return why.address(
        name, row.question, execution.tenant, execution_id=execution.pk, environment=row.environment
    )
