"""Setting up the second factor, and signing in again before something that matters."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from executions.web.permission import person
from executions.web.second_step import TOO_MANY_REQUESTS, again_address, go_on, own_address
from safety.signin import door, factors, provider, sessions
from safety.signin.entering import enter
from safety.signin.middleware import is_open
from safety.signin.seal import seal, unseal

OFFERED: Final = "offered_secret"
GROUP: Final = 4


def needs_fresh_sign_in(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Have the person sign in again first, when that was long ago."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not sessions.is_fresh(request):
            return redirect(again_address(request.get_full_path()))
        return view(request, *args, **kwargs)

    return wrapped


@is_open
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def again(request: HttpRequest) -> HttpResponse:
    """The password once more, then the code where there is one, then back to the page."""
    user = person(request)
    to = own_address(request, request.POST.get("next") or request.GET.get("next", ""))
    context: dict[str, Any] = {
        "next": to,
        "has_provider": provider.is_configured(),
        "has_passwords": door.passwords_are_on(),
    }
    if request.method != "POST":
        return render(request, "registration/again.html", context)
    answer = door.by_password(request, user.get_username(), request.POST.get("password", ""))
    if answer.user == user:
        return go_on(request, user, door.PASSWORD, to)
    status = TOO_MANY_REQUESTS if answer.lock else 200
    context |= {"is_wrong": True, "lock": answer.lock}
    return render(request, "registration/again.html", context, status=status)


@is_open
@needs_fresh_sign_in
@never_cache
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """Shows a new secret; a code from it takes it into use and shows the recovery codes, once."""
    user = person(request)
    secret = unseal(request.session.get(OFFERED, "")) or factors.new_secret()
    if request.method == "POST":
        address = door.client_address(request)
        codes = factors.set_up(user, secret, request.POST.get("code", "")[:100], address=address)
        if codes:
            method = str(request.session.get("signed_in_with", door.PASSWORD))
            sessions.end_all(user)  # the others were begun without it
            enter(request, user, method if factors.CODE in method else f"{method} and {factors.CODE}")
            request.session.pop(OFFERED, None)
            return render(request, "registration/recovery_codes.html", {"codes": codes})
    request.session[OFFERED] = seal(secret)
    picture = segno.make(factors.address_of(secret, user)).svg_inline(scale=5, dark="#000", light="#fff")
    context = {
        "picture": SafeString(picture),
        "secret": " ".join(secret[start : start + GROUP] for start in range(0, len(secret), GROUP)),
        "is_wrong": request.method == "POST",
        "is_required": factors.is_required(user),
        "is_set_up": factors.is_set_up(user),
    }
    return render(request, "registration/second_factor.html", context)
