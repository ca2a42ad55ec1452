"""Django's permission question, answered from the memberships of the object's tenant."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from safety import rbac
from safety.choices import Permission
from safety.models import Membership, TenantRole


class TenantRoleBackend(BaseBackend):
    """`user.has_perm("executions.cancel_execution", execution)`: does a standing membership allow it?

    The object is a Tenant, or anything with a `tenant_id`; where it has an environment, action class or
    `touches`, the membership has to hold there. Without an object the answer is yes when a role in any
    tenant allows it: enough to show a menu entry, never enough to act.
    """

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Any = None) -> bool:
        if perm not in Permission.values or not user_obj.is_authenticated or not user_obj.is_active:
            return False
        if obj is None:
            roles = TenantRole.objects.holding(perm).values("name")
            return Membership.objects.standing().filter(user_id=user_obj.pk, role__in=roles).exists()
        return rbac.look(question_about(user_obj, perm, obj)).allowed


def question_about(user: Any, permission: str, about: Any) -> rbac.Question:
    """May this person do that to this object?"""
    return rbac.Question(
        tenant_id=getattr(about, "tenant_id", None) or about.pk,
        actor_id=user.pk,
        wants=rbac.to_hold(permission, rbac.touched_by(about)),
    )
