"""Signing in: by password, or by the one-time link that the first start prints."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from executions.web import one_time

_BY_PASSWORD = LoginView.as_view(template_name="registration/sign_in.html", redirect_authenticated_user=True)


@login_not_required
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """The sign-in page; a page that was polling when its session ended is told to load itself anew."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh()
    return _BY_PASSWORD(request)


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def once(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in with a one-time link; only the button uses it up, so that a link preview does not."""
    if request.method != "POST":
        return render(request, "registration/once.html", {"token": token})
    user = one_time.redeem(token)
    if user is None:
        return render(request, "registration/once.html", {"is_used": True}, status=410)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session["signed_in_with"] = "one-time link"
    return redirect("executions:list")
