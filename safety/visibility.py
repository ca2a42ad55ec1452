"""Which tenants a person may see: the one filter that every queryset uses."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from safety.models import Membership
from safety.tokens.bearing import bearing_of


def tenants_visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Membership, Any]:
    """Ids of the tenants in which `user` has a standing membership, whatever its limits, each once.

    Empty when anonymous or inactive. With an API token: the token's tenant at most.
    """
    if not user.is_authenticated or not user.is_active:
        return Membership.objects.none().values_list("tenant_id", flat=True)
    standing = Membership.objects.standing().filter(user_id=user.pk)
    bearing = bearing_of(user)
    if bearing is not None:
        standing = standing.filter(tenant_id=bearing.tenant_id)
    return standing.values_list("tenant_id", flat=True).distinct()
