"""Asks at each request whether the session may go on, and whether a second factor is missing."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRefresh

from safety.signin import factors, sessions

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


def is_open(view: View) -> View:
    """A page for people who still have to set up their second factor."""
    view.is_open = True  # type: ignore[attr-defined]
    return view


def needs_whole_session(view: View) -> View:
    """A page that nobody has to sign in for; but whose session goes with it, has to have its second factor."""
    view.needs_whole_session = True  # type: ignore[attr-defined]
    return view


class SecondFactorMiddleware:
    """Leads a person who has to have a second factor, and has none, to where it is set up, and nowhere else."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        """Whatever the page, but signing out and setting it up."""
        user = request.user
        is_open = getattr(view, "is_open", False) or not getattr(view, "login_required", True)
        is_open = is_open and not getattr(view, "needs_whole_session", False)
        if not isinstance(user, User) or is_open or not factors.is_required(user) or factors.is_set_up(user):
            return None
        if request.headers.get("HX-Request"):
            return HttpResponseClientRefresh()
        return redirect("second_factor")
