"""Signing in at the organisation's own provider."""

import logging
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from executions.web.second_step import go_on, own_address
from safety.signin import door, identities, provider, sessions
from safety.signin.entering import enter
from safety.signin.factors import fetch_now
from safety.signin.identities import NoAccount
from safety.signin.provider import ProviderTrouble, Said

METHOD: Final = "single sign-on"
WANTED: Final = "wanted_page"
CLOCKS_S: Final = 60  # by which the provider's clock may be before ours
_log = logging.getLogger(__name__)


@login_not_required
@never_cache
@require_safe
def begin(request: HttpRequest) -> HttpResponseBase:
    """To the provider; who is signed in already has to show it anew who they are."""
    if not provider.is_configured():
        raise Http404("There is no provider.")
    again = request.user.is_authenticated
    request.session[WANTED] = [own_address(request, request.GET.get("next", "")), again]
    try:
        return provider.begin(request, request.build_absolute_uri(resolve_url("sso_back")), again=again)
    except ProviderTrouble as trouble:
        return _trouble(request, trouble)


@login_not_required
@never_cache
@require_safe
def back(request: HttpRequest) -> HttpResponseBase:
    """From the provider: in, on to the second step, or a page that says why not."""
    if not provider.is_configured():
        raise Http404("There is no provider.")
    to, again = request.session.pop(WANTED, None) or (resolve_url("executions:list"), False)
    address = door.client_address(request)
    try:
        said = provider.finish(request)
        user = identities.user_of(said, address=address)
        _require_same(request, said, user, again=again)
    except ProviderTrouble as trouble:
        return _trouble(request, trouble)
    except NoAccount as refusal:
        _log.warning("sign-in: refused", extra={"method": METHOD, "detail": str(refusal), "address": address})
        return render(request, "registration/single.html", {"refusal": refusal}, status=403)
    proven_at = min(fetch_now(), said.auth_time)
    if provider.is_second_factor():
        enter(request, user, METHOD, proven_at=proven_at)
        return HttpResponse(status=302, headers={"Location": to})
    return go_on(request, user, METHOD, to, proven_at=proven_at)


def _require_same(request: HttpRequest, said: Said, user: User, *, again: bool) -> None:
    """Signing in again is for the same person, who has just shown who they are."""
    if not again:
        return
    if request.user != user:
        raise NoAccount("That is somebody else than who is signed in here. Sign out first.")
    if fetch_now() - said.auth_time > sessions.SELDOM_S + CLOCKS_S:
        raise ProviderTrouble("the provider did not ask the person again, or does not say when it did")


def _trouble(request: HttpRequest, trouble: ProviderTrouble) -> HttpResponse:
    detail, address = str(trouble), door.client_address(request)
    _log.warning("sign-in: refused", extra={"method": METHOD, "detail": detail, "address": address})
    return render(request, "registration/single.html", status=502)
