"""The permission question of the pages, with an answer for people."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

_REFUSALS = {
    "executions.view_execution": "You may not look at executions of this tenant.",
    "executions.submit_execution": "Your role may not submit plans for this tenant.",
    "executions.cancel_execution": "Your role may not cancel executions of this tenant.",
    "executions.retry_execution": "Your role may not retry executions of this tenant.",
    "executions.resolve_execution": "Deciding about an unknown outcome needs the role operator or tenant admin.",
}


def require(request: HttpRequest, permission: str, about: Any) -> None:
    """Go on only when the person's role in the object's tenant holds the permission.

    Raises:
      PermissionDenied: With a sentence for the page.
    """
    if not request.user.has_perm(permission, about):
        raise PermissionDenied(f"{_REFUSALS[permission]} A tenant admin can change your role.")


def person(request: HttpRequest) -> User:
    """Who is signed in. Raises PermissionDenied where nobody is."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user
