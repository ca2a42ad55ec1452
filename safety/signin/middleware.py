"""Asks at each request whether the session may go on."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth import logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from safety.signin import sessions

Answer = Callable[[HttpRequest], HttpResponseBase]
View = TypeVar("View", bound=Callable[..., Any])


def is_no_activity(view: View) -> View:
    """A page asks this by itself: it keeps no idle session alive."""
    view.is_no_activity = True  # type: ignore[attr-defined]
    return view


class SessionLimitsMiddleware:
    """Ends a session that is idle, too old, or ended elsewhere, before anything looks at who is signed in."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        why = sessions.end_reason(request) if request.user.is_authenticated else ""
        if why:
            logout(request)
            request.session[sessions.WHY_ENDED] = why
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> None:
        """Whatever a person opens or sends is activity."""
        if request.user.is_authenticated and not getattr(view, "is_no_activity", False):
            sessions.be_active(request)
