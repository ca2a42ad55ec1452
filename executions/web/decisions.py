"""What RBAC was asked and answered about one execution, for its page."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User

from executions.models import Asset, Execution
from safety.models import AccessDecision

DECISIONS_SHOWN = 30


@dataclass(frozen=True)
class Shown:
    """A decision with the names of the person and the asset; empty where there is none."""

    decision: AccessDecision
    person: str
    asset: str


def decisions_of(execution: Execution, user: User | AnonymousUser) -> list[Shown]:
    """The newest decisions about an execution that this person may see, newest first."""
    rows = AccessDecision.objects.filter(execution_id=execution.pk, tenant_id=execution.tenant_id)
    found = list(rows.order_by("-id")[:DECISIONS_SHOWN])
    people = dict(User.objects.filter(pk__in={row.actor_id for row in found}).values_list("pk", "username"))
    wanted = {row.asset_id for row in found if row.asset_id}
    assets: dict[UUID, str] = dict(
        Asset.objects.visible_to(user).filter(pk__in=wanted).values_list("pk", "name")
    )
    return [
        Shown(row, people.get(row.actor_id or 0, ""), assets.get(row.asset_id, "") if row.asset_id else "")
        for row in found
    ]
