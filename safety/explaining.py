"""Why somebody can or cannot do something: the decision, and what each of their memberships says to it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now

from safety import rbac
from safety.choices import Permission
from safety.models import Membership, Tenant, TenantRole
from safety.models.role import spoken


@dataclass(frozen=True)
class Verdict:
    """One membership, and why it does not allow it; `objection` is empty where it does."""

    membership: Membership
    objection: str


@dataclass(frozen=True)
class Explained:
    """The answer at one pair of environment and action class (empty: any), and what led to it."""

    environment: str
    action_class: str
    answer: rbac.Answer
    verdicts: tuple[Verdict, ...]


def may_ask(asker: User, person: User, tenant: Tenant) -> bool:
    """Whether this person may hear about the other's rights in the tenant: their own, or as the permission says."""
    return asker.pk == person.pk or asker.has_perm(Permission.EXPLAIN, tenant)


def explain(
    person: User, tenant: Tenant, question: str, touches: tuple[tuple[str, str], ...]
) -> tuple[Explained, ...]:
    """Ask for each pair by itself, as of now; nothing is written down."""
    memberships = person.memberships.filter(tenant=tenant).order_by("pk")
    over = set(memberships.filter(ends_at__lte=Now()).values_list("pk", flat=True))
    held = dict(TenantRole.objects.values_list("name", "permissions"))
    return tuple(
        Explained(
            want.environment,
            want.action_class,
            rbac.look(rbac.Question(tenant_id=tenant.pk, actor_id=person.pk, wants=(want,))),
            tuple(
                Verdict(one, _objection(one, want, held.get(one.role, ()), one.pk in over))
                for one in memberships
            ),
        )
        for want in _wants(question, touches)
    )


def _wants(question: str, touches: tuple[tuple[str, str], ...]) -> tuple[rbac.Want, ...]:
    if not question.startswith(rbac.RUN):
        return rbac.to_hold(question, touches)
    action = question.removeprefix(rbac.RUN)
    return rbac.to_run((environment, action) for environment, _ in touches)


def _objection(membership: Membership, want: rbac.Want, holds: Any, is_over: bool) -> str:
    if is_over:
        return f"it ended on {membership.ends_at:%Y-%m-%d %H:%M} UTC"
    if want.question not in holds:
        return f"the role {spoken(membership.role)} does not allow it"
    limits = membership.environments
    if want.environment and limits and want.environment not in limits:
        return f"it is limited to {', '.join(limits)}, this is {want.environment}"
    classes = membership.action_classes
    if want.action_class and classes and want.action_class not in classes:
        return f"it is limited to {', '.join(classes)} steps, this is {want.action_class}"
    return ""
