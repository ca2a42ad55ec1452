"""Turns a refusal of the domain into a page that says what happened and what to do."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from executions.errors import Conflict, KeyMismatch, LimitReached, NotAllowed, NotFound, Refused, TooFast

P = ParamSpec("P")
_STATUS: dict[type[Refused], int] = {
    NotFound: 404,
    NotAllowed: 403,
    KeyMismatch: 422,
    TooFast: 429,
    LimitReached: 422,
    Conflict: 409,
}
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def shows_refusals(view: View[P]) -> View[P]:
    """Answer NotFound with 404, NotAllowed with 403, and other refusals with a page and 409, 422, 429 or 400."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotFound as refusal:
            raise Http404(str(refusal)) from refusal
        except NotAllowed as refusal:
            raise PermissionDenied(_sentence(refusal)) from refusal
        except Refused as refusal:
            return _page(request, refusal, status_of(refusal), kwargs)

    return wrapped


def status_of(refusal: Refused) -> int:
    """The HTTP status that says it."""
    return next((status for kind, status in _STATUS.items() if isinstance(refusal, kind)), 400)


def _page(request: HttpRequest, refusal: Refused, status: int, where: dict[str, Any]) -> HttpResponse:
    context = {"refusal": refusal, "execution_id": where.get("execution_id")}
    return render(request, "409.html" if status == 409 else "refused.html", context, status=status)


def _sentence(refusal: Refused) -> str:
    return f"{refusal} {refusal.hint}".strip()
