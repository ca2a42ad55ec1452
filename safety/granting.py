"""Who may give, change and take away which membership."""

from itertools import product
from typing import Any

from django.db.models import Q

from safety import rbac
from safety.choices import ActionClass, Environment, Permission
from safety.models import Membership, TenantRole
from safety.tokens.models import ServiceAccount

ADMINISTER = Permission.ADMINISTER.value


def may_grant(user: Any, membership: Membership) -> str:
    """Why this person may not give, change or take away this membership; empty when they may.

    Nobody touches their own, nor that of their own service account, nor a superuser's, nor one that reaches further
    than their own right to administer, or whose role holds more than they do where it reaches. A superuser may do all
    of it. A service account has memberships in its own tenant only.
    """
    account = ServiceAccount.objects.filter(user_id=membership.user_id).first()
    if account and account.tenant_id != membership.tenant_id:
        return "A service account acts in its own tenant only; make another one there."
    if user.is_superuser:
        return ""
    if membership.user_id == user.pk:
        return "Nobody changes their own memberships; another admin of the tenant can."
    if account and account.owner_id == user.pk:
        return "Nobody changes the memberships of their own service account; another admin of the tenant can."
    if membership.user.is_superuser:
        return "Only a superuser changes the memberships of a superuser."
    answer = rbac.look(
        rbac.Question(
            tenant_id=membership.tenant_id,
            actor_id=user.pk,
            wants=_worth(membership, ADMINISTER),
        )
    )
    return "" if answer.allowed else f"You cannot grant what you lack, {answer.question}: {answer.reason}."


def administers_everywhere(user: Any, tenant_id: int) -> bool:
    """Whether the person administers the tenant without any limit, so that they may act on all of it."""
    everywhere = rbac.to_hold(ADMINISTER, rbac.EVERYTHING)
    return rbac.look(rbac.Question(tenant_id=tenant_id, actor_id=user.pk, wants=everywhere)).allowed


def outlives(user: Any, membership: Membership) -> str:
    """Why the membership would last longer than this person's own right to give it; empty when it would not.

    A superuser's right has no end. A longer one may be taken away, but not given or written anew.
    """
    if user.is_superuser:
        return ""
    longer = Q(ends_at__isnull=True)
    if membership.ends_at is not None:
        longer |= Q(ends_at__gte=membership.ends_at)
    own = Membership.objects.standing().filter(longer, user_id=user.pk, tenant_id=membership.tenant_id)
    held = {want for one in own for want in _worth(one)}
    if held.issuperset(_worth(membership, ADMINISTER)):
        return ""
    return "Your own right to give it ends before that. Give it an end that is no later than yours."


def _worth(membership: Membership, *besides: str) -> tuple[rbac.Want, ...]:
    """All that it is good for where it reaches, and these permissions there."""
    held = (*besides, *_held_by(membership.role))
    return rbac.to_give(held, _reach(membership), membership.approves_up_to)


def _held_by(role: str) -> tuple[str, ...]:
    """What the role holds; nothing when nobody knows it."""
    return tuple(TenantRole.objects.filter(name=role).values_list("permissions", flat=True).first() or ())


def _reach(membership: Membership) -> list[tuple[str, str]]:
    """Every pair of environment and action class that the membership is good for."""
    environments = membership.environments or Environment.values
    return list(product(environments, membership.action_classes or ActionClass.values))
