"""Why somebody can or cannot do something: the decision, and what each of their memberships says to it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now

from safety import rbac
from safety.choices import Permission
from safety.models import Membership, Tenant, TenantRole
from safety.models.role import PERMISSIONS, spoken

# Every question there is, by its short name: as people type it and as addresses carry it.
QUESTIONS: dict[str, str] = {name.rpartition(".")[2]: name for name, _ in PERMISSIONS}
_WORDS = dict(PERMISSIONS)


@dataclass(frozen=True)
class Verdict:
    """One membership, and why it does not allow it; `objection` is empty where it does."""

    membership: Membership
    objection: str


@dataclass(frozen=True)
class Explained:
    """The answer at one pair of environment and action class (empty: any), and what led to it.

    as_superuser: the answer is yes whatever the memberships say.
    """

    person: User
    tenant: Tenant
    question: str
    environment: str
    action_class: str
    answer: rbac.Answer
    verdicts: tuple[Verdict, ...]
    as_superuser: bool

    @property
    def sentence(self) -> str:
        """The answer in words."""
        steps = f"{self.action_class} steps" if self.action_class else ""
        where = ", ".join(filter(None, (self.tenant.name, self.environment, steps)))
        asked = f"{_WORDS[self.question]} ({where})"
        if self.answer.allowed:
            return f"{self.person.username} may {asked}{', as a superuser' if self.as_superuser else ''}."
        return f"{self.person.username} may not {asked}: {self.answer.reason}."


def may_ask_about_others(asker: User, tenant: Tenant) -> bool:
    """Whether this person may hear about the rights of others in the tenant; everybody may about their own."""
    return asker.has_perm(Permission.EXPLAIN, tenant)


def explain(
    person: User, tenant: Tenant, question: str, touches: tuple[tuple[str, str], ...], level: int = 0
) -> tuple[Explained, ...]:
    """Ask for each pair by itself, as of now; nothing is written down. level: of the approval, where one is decided."""
    memberships = person.memberships.filter(tenant=tenant).order_by("pk")
    over = set(memberships.filter(ends_at__lte=Now()).values_list("pk", flat=True))
    held = dict(TenantRole.objects.values_list("name", "permissions"))
    passes = person.is_superuser and person.is_active and not question.startswith(rbac.RUN)
    return tuple(
        Explained(
            person,
            tenant,
            question,
            want.environment,
            want.action_class,
            rbac.Answer(allowed=True, reason="")
            if passes
            else rbac.look(rbac.Question(tenant_id=tenant.pk, actor_id=person.pk, wants=(want,))),
            tuple(
                Verdict(one, _objection(one, want, held.get(one.role, ()), one.pk in over))
                for one in memberships
            ),
            passes,
        )
        for want in _wants(question, touches, level)
    )


def _wants(question: str, touches: tuple[tuple[str, str], ...], level: int) -> tuple[rbac.Want, ...]:
    if not question.startswith(rbac.RUN):
        return rbac.to_hold(question, touches, level)
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
    if want.level > membership.approves_up_to:
        return f"it approves up to level {membership.approves_up_to}, this is level {want.level}"
    return ""
