"""Asking why somebody can or can't do something: about whom, where, and who could change it."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import QuerySet

from executions.authority import APPROVE, authority
from executions.errors import NotAllowed, NotFound
from executions.four_eyes import asked_for
from executions.fresh import FROM_LEVEL
from executions.models import Execution
from safety import rbac
from safety.choices import Permission
from safety.explaining import Explained, explain, may_ask_about_others
from safety.models import Delegation, Membership, Tenant, TenantRole
from safety.models.role import spoken
from safety.visibility import tenants_visible_to

MOST_NAMED = 20


@dataclass(frozen=True)
class Reply:
    """What there is to say to one question.

    besides: what stands in the way although the rights are there, or what helps although they are not; a sentence, or
    empty. lent: they may do it as somebody's deputy. advice: what would help, a sentence each; empty where nothing has
    to.
    """

    explained: tuple[Explained, ...]
    besides: str
    lent: bool
    advice: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """Whether the person may do all of it."""
        return self.lent or (not self.besides and all(one.answer.allowed for one in self.explained))


def tenants_to_ask_about(asker: User) -> QuerySet[Tenant]:
    """The tenants that the person is or was a member of; a superuser may ask about all."""
    tenants = Tenant.objects.order_by("slug")
    if asker.is_superuser:
        return tenants
    return tenants.filter(pk__in=Membership.objects.filter(user=asker).values("tenant_id"))


def executions_to_ask_about(asker: User) -> QuerySet[Execution]:
    """The executions that the person sees; a superuser may ask about all."""
    rows = Execution.objects.all() if asker.is_superuser else Execution.objects.visible_to(asker)
    return rows.select_related("tenant").defer("plan")


def find_person(asker: User, name: str, tenant: Tenant) -> User:
    """Whose rights are asked about: one's own, or those of a member of the tenant.

    Raises:
      NotAllowed: The person may ask about themselves only; said of every name, so that it tells nothing.
      NotFound: Nobody of that name is or was a member, whether or not there is such an account.
    """
    if name == asker.username:
        return asker
    if not may_ask_about_others(asker, tenant):
        raise NotAllowed(
            "You may ask about yourself only.", hint="Auditors and tenant admins may ask about others."
        )
    found = User.objects.filter(username=name, memberships__tenant=tenant).first()
    if found is None:
        raise NotFound(f"Nobody called {name!r} is or was a member of {tenant}.")
    return found


def pairs_of(execution: Execution, question: str) -> tuple[tuple[str, str], ...]:
    """What the execution touches, as far as the question is about it. Raises NotFound: none of it."""
    pairs = rbac.touched_by(execution)
    if question.startswith(rbac.RUN):
        pairs = tuple(pair for pair in pairs if question == f"{rbac.RUN}{pair[1]}")
    if not pairs:
        raise NotFound(f"That execution has no {question.removeprefix(rbac.RUN)} step.")
    return pairs


def reply(
    asker: User,
    person: User,
    tenant: Tenant,
    question: str,
    *,
    pair: tuple[str, str] = ("", ""),
    execution: Execution | None = None,
) -> Reply:
    """Why the person can or can't do it: for all that the execution touches, or at this pair. Nothing is recorded.

    Raises NotFound: the execution touches nothing that the question is about.
    """
    touches = pairs_of(execution, question) if execution else (pair,)
    level = execution.approval_level if execution else 0
    explained = explain(person, tenant, question, touches, level)
    about_approval = execution and level >= FROM_LEVEL and question == Permission.APPROVE
    besides, lent = _besides(execution, person) if execution and about_approval else ("", False)
    if execution is None and question == Permission.APPROVE:
        besides = _lent(person, tenant)
    advice = () if lent else tuple(_advice(asker, person, tenant, question, explained))
    return Reply(explained, besides, lent, advice)


def _besides(execution: Execution, person: User) -> tuple[str, bool]:
    """What else decides whether they may approve it, and whether they may by what somebody lent them."""
    if asked_for(execution, person):
        return f"Besides, {person.username} asked for this run, and somebody else has to approve it.", False
    right = authority(execution, person)
    if right.delegation:
        until = f"{right.delegation.ends_at:%Y-%m-%d %H:%M} UTC"
        return (
            f"But {person.username} is the deputy of {right.delegation.giver} until {until}, who may.",
            True,
        )
    groups = execution.approval.groups if right.objection and person.has_perm(APPROVE, execution) else ()
    if groups:
        return (
            f"Besides, it needs somebody of the group {' or '.join(groups)}; {person.username} is in none.",
            False,
        )
    return "", False


def _lent(person: User, tenant: Tenant) -> str:
    """For whom else they approve in the tenant, as a sentence; whether that helps depends on the run."""
    standing = Delegation.objects.standing().filter(tenant=tenant, deputy=person).select_related("giver")
    named = [f"{one.giver} until {one.ends_at:%Y-%m-%d %H:%M} UTC" for one in standing[:MOST_NAMED]]
    return (
        f"{person.username} is also the deputy of {', '.join(named)}, and may what they may." if named else ""
    )


def _advice(
    asker: User, person: User, tenant: Tenant, question: str, explained: tuple[Explained, ...]
) -> list[str]:
    if all(one.answer.allowed for one in explained):
        return []
    if not person.is_active:
        return ["A superuser can activate the account again."]
    roles = [spoken(role.name) for role in TenantRole.objects.holding(question).order_by("name")]
    if not roles:
        return ["No role allows it; superusers say what roles allow."]
    said = [f"A membership that reaches this far, with one of these roles, allows it: {', '.join(roles)}."]
    if not asker.is_superuser and tenant.pk not in tenants_visible_to(asker):
        return [*said, "Tenant admins give memberships."]
    return [*said, _who_gives(tenant, person)]


def _who_gives(tenant: Tenant, person: User) -> str:
    """Nobody touches their own memberships, so the person is not among those who can help."""
    roles = TenantRole.objects.holding(Permission.ADMINISTER).values("name")
    admins = Membership.objects.standing().filter(tenant=tenant, role__in=roles).exclude(user=person)
    found = admins.select_related("user").order_by("user__username", "pk")[:MOST_NAMED]
    names = list(dict.fromkeys(f"{one.user.username}{one.limits}" for one in found))
    if not names:
        return f"{tenant.name} has no other tenant admin, so a superuser gives memberships."
    return f"Tenant admins of {tenant.name} give memberships: {'; '.join(names)}."
