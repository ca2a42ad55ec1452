"""One address of the API: who may ask what of it, and every answer as JSON."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from executions import api_tokens
from executions.api import errors
from executions.api.errors import CHALLENGE, Wrong
from executions.errors import Refused
from executions.lifecycle import LifecycleError
from executions.plans import PlanInvalid
from safety.choices import Scope
from safety.signin.door import client_address
from safety.signin.middleware import is_no_activity
from safety.tokens import door
from safety.tokens.bearing import bearing_of
from safety.tokens.door import TurnedAway
from safety.tokens.values import MARK

JSON: Final = "application/json"
HOW: Final = "Send the header `Authorization: Bearer opsc_…`, with a token from the page Your account."
# Under these names tokens are sent in addresses, where logs keep them.
_IN_QUERY: Final = frozenset({"token", "access_token", "api_token", "api_key", "apikey", "authorization"})
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Act:
    """What one method does, and the scope that a token needs for it (None: any token will do)."""

    do: Callable[..., HttpResponse]
    scope: Scope | None = None


def resource(**acts: Act) -> Callable[..., HttpResponse]:
    """A view for these methods; 404 without any.

    Only a token lets in. A cookie counts nothing here, so that no other site can have a browser ask.
    """

    @never_cache
    @csrf_exempt
    @login_not_required
    @is_no_activity
    def view(request: HttpRequest, **arguments: Any) -> HttpResponse:
        try:
            act = _asked(request, acts)
            return act.do(request, _let_in(request, act.scope), **arguments)
        except Wrong as wrong:
            return errors.of_request(wrong)
        except PlanInvalid as invalid:
            return errors.of_plan(invalid)
        except Refused as refusal:
            return errors.of_refusal(refusal)
        except LifecycleError as moved:
            return errors.answer(409, "conflict", str(moved), hint="Look at the execution again.")
        except (OperationalError, InterfaceError):
            logger.exception("the API has no database")
            return errors.answer(503, "unavailable", "The database does not answer.", hint="Try again soon.")
        except Exception:
            number = uuid4().hex
            logger.exception("the API failed", extra={"error_id": number})
            hint = "Tell whoever operates OpsConductor; the log has more under this id."
            return errors.answer(500, "internal", "The server could not answer.", hint=hint, id=number)

    return view


def _asked(request: HttpRequest, acts: dict[str, Act]) -> Act:
    """Raises Wrong for what this address does not do or cannot say."""
    _require_clean_address(request)
    act = acts.get("GET" if request.method == "HEAD" else request.method or "")
    if not acts:
        raise Wrong(404, "not_found", "There is no such address.")
    if act is None:
        allowed = ", ".join([*acts, *(["HEAD"] if "GET" in acts else [])])
        raise Wrong(405, "method.not_allowed", f"Here: {allowed}.", headers={"Allow": allowed})
    if not request.accepts(JSON):
        raise Wrong(406, "accept.json_only", "Every answer is application/json.")
    return act


def _require_clean_address(request: HttpRequest) -> None:
    named = [
        value for name in request.GET for value in request.GET.getlist(name) if name.lower() in _IN_QUERY
    ]
    marked = [value for name in request.GET for value in request.GET.getlist(name) if MARK in value]
    if not named and not marked:
        return
    for value in dict.fromkeys([*named, *marked]):
        known = door.exposed(value, address=client_address(request))
        if known is not None:
            api_tokens.record_use_refused(known, door.IN_THE_ADDRESS)
    raise Wrong(
        400, "auth.in_query", "A token has no place in an address: logs keep it. Revoke it.", hint=HOW
    )


def _let_in(request: HttpRequest, scope: Scope | None) -> User:
    """The person whose token came with the request. Raises Wrong."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _turned_away("auth.missing", "This needs a token.", hint=HOW)
    try:
        user = door.enter(value.strip(), address=client_address(request))
    except TurnedAway as turned:
        if turned.known is not None:
            api_tokens.record_use_refused(turned.known, str(turned))
        if turned.wait_s:
            wait = {"Retry-After": str(turned.wait_s)}
            raise Wrong(429, "auth.too_many", str(turned), headers=wait) from turned
        raise _turned_away(f"auth.{turned.code}", str(turned), hint=HOW) from turned
    bearing = bearing_of(user)
    if bearing is None or (scope is not None and scope not in bearing.scopes):
        raise Wrong(403, "auth.scope", f"This token is not good for that: it needs the scope {scope}.")
    return user


def _turned_away(code: str, sentence: str, *, hint: str) -> Wrong:
    return Wrong(401, code, sentence, hint=hint, headers={"WWW-Authenticate": CHALLENGE})
