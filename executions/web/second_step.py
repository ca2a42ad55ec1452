"""The second step of signing in: the code, where the account has a second factor."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from executions.fresh import SignedIn
from safety.signin import door, factors, sessions
from safety.signin.entering import enter

PENDING: Final = "second_step"
PATIENCE_S: Final = 600.0
TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True)
class Pending:
    """Somebody who has passed the first step."""

    user: User
    method: str
    to: str
    proven_at: float | None


def go_on(
    request: HttpRequest, user: User, method: str, to: str, *, proven_at: float | None = None
) -> HttpResponse:
    """In, or on to the second step where there is one. `to` must be an address of ours."""
    if not factors.is_set_up(user):
        enter(request, user, method, proven_at=proven_at)
        return redirect(to)
    if not request.user.is_authenticated:
        request.session.cycle_key()
    mark = user.get_session_auth_hash()
    request.session[PENDING] = [user.pk, method, to, mark, factors.fetch_now(), proven_at]
    return redirect("second_step")


def own_address(request: HttpRequest, wanted: str) -> str:
    """Where the person wanted to go, if that is a page of ours; else the first page."""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if is_ours else resolve_url("executions:list")


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Asks for the code; a recovery code stands in for it."""
    pending = _pending(request)
    if pending is None:
        request.session.pop(PENDING, None)
        messages.error(request, "That took too long. Sign in again.")
        return redirect("login")
    if request.method != "POST":
        return render(request, "registration/code.html", {"name": pending.user.get_username()})
    address = door.client_address(request)
    answer = factors.check(pending.user, request.POST.get("code", "")[:100], address=address)
    if not answer.method:
        context = {"name": pending.user.get_username(), "lock": answer.lock, "is_wrong": True}
        status = TOO_MANY_REQUESTS if answer.lock else 200
        return render(request, "registration/code.html", context, status=status)
    del request.session[PENDING]
    enter(request, pending.user, f"{pending.method} and {answer.method}", proven_at=pending.proven_at)
    if answer.method == factors.RECOVERY:
        messages.warning(request, "That recovery code is used up now. New ones come with setting up anew.")
    return redirect(pending.to)


def again_address(to: str) -> str:
    """The page that asks a person to sign in again and leads back."""
    return f"{resolve_url('again')}?{urlencode({'next': to})}"


def signed_in(request: HttpRequest) -> SignedIn:
    """How, when and from where the person of this session showed who they are."""
    session = request.session
    at = session.get(sessions.PROVEN_AT)
    return SignedIn(str(session.get("signed_in_with", "")), at, door.client_address(request))


def _pending(request: HttpRequest) -> Pending | None:
    """Who is in the middle of signing in; nobody after a while, or when the account changed meanwhile."""
    nobody = (None, "", "", "", 0.0, None)
    user_id, method, to, mark, since, proven_at = request.session.get(PENDING) or nobody
    user = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    if user is None or not constant_time_compare(mark, user.get_session_auth_hash()):
        return None
    return Pending(user, method, to, proven_at) if factors.fetch_now() - since <= PATIENCE_S else None
