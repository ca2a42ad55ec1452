"""Django's permission question, answered from the memberships of the object's tenant."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from safety import rbac
from safety.choices import Permission
from safety.models import Membership, TenantRole
from safety.tokens.bearing import bearing_of, token_id_of


class TenantRoleBackend(BaseBackend):
    """`user.has_perm("executions.cancel_execution", execution)`: does a standing membership allow it?

    The object is a Tenant, or anything with a `tenant_id`; where it has an environment, action class or
    `touches`, the membership has to hold there; where it has an approval level, to approve that high.
    Without an object the answer is yes when a role in any tenant allows it: enough to show a menu entry,
    never enough to act. A person who comes with an API token has what the token allows, too, at most.
    """

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Any = None) -> bool:
        if perm not in Permission.values or not user_obj.is_authenticated or not user_obj.is_active:
            return False
        bearing = bearing_of(user_obj)
        if bearing is not None and not bearing.allows(perm, _tenant_of(obj)):
            return False
        if obj is None:
            roles = TenantRole.objects.holding(perm).values("name")
            return Membership.objects.standing().filter(user_id=user_obj.pk, role__in=roles).exists()
        return rbac.look(question_about(user_obj, perm, obj)).allowed


def question_about(user: Any, permission: str, about: Any) -> rbac.Question:
    """May this person do that to this object?"""
    return rbac.Question(
        tenant_id=_tenant_of(about) or 0,
        actor_id=user.pk,
        token_id=token_id_of(user),
        wants=rbac.to_hold(permission, rbac.touched_by(about), getattr(about, "approval_level", 0)),
    )


def _tenant_of(about: Any) -> int | None:
    """The tenant of the object, which may be one itself."""
    return None if about is None else getattr(about, "tenant_id", None) or about.pk
