"""In whose name a command acts, and for which tenant."""

import os

from django.contrib.auth.models import User
from django.db.models import QuerySet

from executions.cli.failing import BadInput
from safety.models import Membership, Tenant

USER_VARIABLE = "OPSC_USER"


def acting_user(name: str | None) -> User:
    """The person named by `--as`, else by OPSC_USER, else the one and only superuser.

    Raises BadInput: nobody, or nobody in particular.
    """
    wanted = name or os.environ.get(USER_VARIABLE, "")
    if wanted:
        found = User.objects.filter(username=wanted, is_active=True).first()
        if found is None:
            raise BadInput(f"There is no active user {wanted!r}.", hint="Give --as USERNAME.")
        return found
    superusers = list(User.objects.filter(is_superuser=True, is_active=True).order_by("username")[:2])
    if len(superusers) == 1:
        return superusers[0]
    why = "there are several superusers" if superusers else "there is no superuser"
    raise BadInput(f"In whose name? {why.capitalize()}.", hint=f"Give --as USERNAME, or set {USER_VARIABLE}.")


def acting_tenant(slug: str | None, user: User) -> Tenant:
    """The tenant of that slug, else the only one that the person belongs to. Raises BadInput."""
    mine = Tenant.objects.filter(
        pk__in=Membership.objects.standing().filter(user=user).values("tenant_id")
    ).order_by("slug")
    return only_tenant(mine, slug, user)


def only_tenant(mine: QuerySet[Tenant], slug: str | None, user: User) -> Tenant:
    """The tenant of that slug among these, else the only one there is. Raises BadInput."""
    if slug:
        found = mine.filter(slug=slug).first()
        if found is None:
            raise BadInput(f"{user.get_username()} does not belong to a tenant {slug!r}.", hint=_known(mine))
        return found
    tenants = list(mine[:2])
    if len(tenants) == 1:
        return tenants[0]
    if not tenants:
        raise BadInput(
            f"{user.get_username()} belongs to no tenant.", hint="Add a membership in the admin, or use --as."
        )
    raise BadInput(f"{user.get_username()} belongs to several tenants.", hint=_known(mine))


def _known(tenants: QuerySet[Tenant]) -> str:
    slugs = list(tenants.values_list("slug", flat=True)[:10])
    return f"Give --tenant, one of: {', '.join(slugs)}." if slugs else "Add a membership in the admin."
