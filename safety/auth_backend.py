"""Django's permission question, answered from the memberships of the object's tenant."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from safety.models import Membership
from safety.rbac import ROLES_BY_PERMISSION


class TenantRoleBackend(BaseBackend):
    """`user.has_perm("executions.cancel_execution", execution)`: does a standing role in its tenant allow it?

    The object is anything with a `tenant_id`, or a Tenant. Without an object the answer is yes when the role
    in any tenant allows it: enough to show a menu entry, never enough to act.
    """

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Any = None) -> bool:
        roles = ROLES_BY_PERMISSION.get(perm)
        if roles is None or not user_obj.is_authenticated or not user_obj.is_active:
            return False
        memberships = Membership.objects.standing().filter(user_id=user_obj.pk, role__in=sorted(roles))
        if obj is not None:
            memberships = memberships.filter(tenant_id=getattr(obj, "tenant_id", None) or obj.pk)
        return memberships.exists()
