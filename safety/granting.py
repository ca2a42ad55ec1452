"""Who may give, change and take away which membership."""

from itertools import product
from typing import Any

from safety import rbac
from safety.choices import ActionClass, Environment
from safety.models import Membership

ADMINISTER = "safety.administer_tenant"


def may_grant(user: Any, membership: Membership) -> str:
    """Why this person may not give, change or take away this membership; empty when they may.

    Nobody touches their own, nor a superuser's, nor one that reaches further than their own right to
    administer. A superuser may do all of it.
    """
    if user.is_superuser:
        return ""
    if membership.user_id == user.pk:
        return "Nobody changes their own memberships; another admin of the tenant can."
    if membership.user.is_superuser:
        return "Only a superuser changes the memberships of a superuser."
    answer = rbac.look(
        rbac.Question(
            tenant_id=membership.tenant_id,
            actor_id=user.pk,
            wants=rbac.to_hold(ADMINISTER, _reach(membership)),
        )
    )
    return "" if answer.allowed else f"You cannot grant what you lack: {answer.reason}."


def administers_everywhere(user: Any, tenant: Any) -> bool:
    """Whether the person administers the tenant without any limit, so that they may act on all of it."""
    everywhere = rbac.to_hold(ADMINISTER, product(Environment.values, ActionClass.values))
    return rbac.look(rbac.Question(tenant_id=tenant.pk, actor_id=user.pk, wants=everywhere)).allowed


def _reach(membership: Membership) -> list[tuple[str, str]]:
    """Every pair of environment and action class that the membership is good for."""
    environments = membership.environments or Environment.values
    return list(product(environments, membership.action_classes or ActionClass.values))
