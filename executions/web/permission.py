"""The permission question of the pages, with an answer for people."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from executions import rights
from executions.errors import NotAllowed

_ask = rights.records_refusals(rights.require)

_REFUSALS = {
    "executions.view_execution": "You may not look at executions of this tenant.",
    "executions.submit_execution": "Your role may not submit plans for this tenant.",
    "executions.cancel_execution": "Your role may not cancel executions of this tenant.",
    "executions.retry_execution": "Your role may not retry executions of this tenant.",
    "executions.break_glass": "You may not let a run begin without its approval.",
    "executions.resolve_execution": "Deciding about an unknown outcome needs the role operator or tenant admin.",
    "safety.reserve_asset": "Reserving an asset needs the role operator or tenant admin.",
    "safety.release_lease": "Only a tenant admin may release a lease.",
    "safety.force_release_lease": "Only a tenant admin may take a lease away.",
}


def require(request: HttpRequest, permission: str, about: Any) -> None:
    """Go on only when the person's role in the object's tenant holds the permission.

    Raises:
      PermissionDenied: With a sentence for the page.
    """
    try:
        _ask(request.user, permission, about, _REFUSALS[permission])
    except NotAllowed as refusal:
        raise PermissionDenied(
            f"{refusal} {refusal.hint} A tenant admin can change your memberships."
        ) from refusal


def person(request: HttpRequest) -> User:
    """Who is signed in. Raises PermissionDenied where nobody is."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user
