"""Letting somebody in: the session, how they proved who they are, and the record of it."""

from typing import Final

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from safety.signin.door import client_address
from safety.signin.records import What, record
from safety.signin.sessions import PROVEN_AT
from safety.tokens.accounts import SIGNS_IN_NOWHERE, is_service_account

BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


def enter(request: HttpRequest, user: User, method: str, *, proven_at: float | None = None) -> None:
    """Begin a new session of this person, who has shown who they are: just now, or at `proven_at` elsewhere.

    Raises PermissionDenied for a service account, whichever door let it come this far.
    """
    if is_service_account(user):
        record(user, What.REFUSED, method=method, detail=SIGNS_IN_NOWHERE, address=client_address(request))
        raise PermissionDenied(SIGNS_IN_NOWHERE)
    login(request, user, backend=BACKEND)
    request.session.cycle_key()  # also of who was signed in: a copy of the cookie does not become young with it
    if proven_at is not None:
        request.session[PROVEN_AT] = proven_at
    request.session["signed_in_with"] = method
    record(user, What.SIGNED_IN, method=method, address=client_address(request))
