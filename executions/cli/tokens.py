"""Tokens and service accounts as commands name and show them."""

from typing import Any

from django.contrib.auth.models import User

from executions.api_tokens import tokens_of
from executions.cli.failing import BadInput
from safety.tokens.models import ApiToken, ServiceAccount
from safety.visibility import tenants_visible_to

SHOWN = 200


def find_token(text: str, user: User) -> ApiToken:
    """The token of this public part, among those the person may see. Raises BadInput."""
    prefix = text.strip().removeprefix("opsc_").partition("_")[0]
    for rows in (tokens_of(user), ApiToken.objects.all() if user.is_superuser else _of_tenants(user)):
        found = rows.filter(prefix=prefix).first()
        if found is not None:
            return found
    raise BadInput(
        f"There is no token {prefix[:60]!r} that you may see.",
        hint="Give the public part, as `list` shows it.",
    )


def find_account(name: str, user: User) -> ServiceAccount:
    """The service account of this name, among those of the person's tenants; a superuser's are all. Raises BadInput."""
    rows = ServiceAccount.objects.select_related("user", "owner", "tenant")
    if not user.is_superuser:
        rows = rows.filter(tenant_id__in=tenants_visible_to(user))
    found = rows.filter(user__username=name).first()
    if found is None:
        raise BadInput(f"There is no service account {name[:60]!r} that you may see.")
    return found


def find_person(name: str) -> User:
    """The active account of this name. Raises BadInput."""
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise BadInput(f"There is no active user {name[:60]!r}.")
    return found


def described(token: ApiToken) -> dict[str, Any]:
    """The token as data; its value is not among it."""
    return {
        "prefix": token.prefix,
        "name": token.name,
        "account": token.user.get_username(),
        "tenant": token.tenant.slug,
        "scopes": token.scopes,
        "networks": token.networks,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "last_used_from": token.last_used_from,
        "revoked_at": token.revoked_at,
    }


def _of_tenants(user: User) -> Any:
    return ApiToken.objects.visible_to(user).select_related("user", "tenant")
