"""Whose account is a program's."""

from typing import Any

from safety.glance import glanced
from safety.tokens.models import ServiceAccount

SIGNS_IN_NOWHERE = "This is a service account: it acts with API tokens, and signs in nowhere."


def is_service_account(user: Any) -> bool:
    """Whether the account is a program's. It can never sign in, whatever password it is given."""
    accounts = ServiceAccount.objects.filter(user_id=user.pk)
    return glanced(("service account", user.pk), accounts.exists)
