"""The pages for requests that cannot be answered: they say what happened and what to do."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from executions.errors import NotAllowed
from executions.web import why


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request makes no sense."""
    return render(request, "400.html", {"reason": _said(exception)}, status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the person's role does not allow it. Where a right was asked for, with a link to why it was refused."""
    refused = exception.__cause__.asked if isinstance(exception.__cause__, NotAllowed) else None
    asked = why.address_after(refused, request.user) if refused and isinstance(request.user, User) else ""
    return render(request, "403.html", {"reason": _said(exception), "why": asked}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing there, or nothing that this person may see; the two look the same."""
    del exception
    return render(request, "404.html", status=404)


@login_required
@require_safe
def nothing(request: HttpRequest, **arguments: str) -> HttpResponse:
    """404 for an address that Django has and we do not."""
    del arguments
    return render(request, "404.html", status=404)


def _said(exception: Exception) -> str:
    """Only what our own code wrote for people: a sentence."""
    text = str(exception)
    return text if text.endswith(".") and len(text) < 400 else ""
