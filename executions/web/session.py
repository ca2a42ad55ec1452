"""Signing in: by password, or by the one-time link that the first start prints."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from executions.web import one_time
from executions.web.second_step import TOO_MANY_REQUESTS, go_on
from safety.signin import door, provider, sessions
from safety.signin.throttle import Lock

FORBIDDEN = 403


class SignInForm(AuthenticationForm):
    """Name and password, which only the door compares."""

    lock: Lock | None = None

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password or self.request is None:
            raise forms.ValidationError("A name and a password are needed.")
        answer = door.by_password(self.request, name, password)
        self.lock, self.user_cache = answer.lock, answer.user
        if answer.user is None:
            raise self.get_invalid_login_error()
        return self.cleaned_data


class _ByPassword(LoginView):
    template_name = "registration/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            has_provider=provider.is_configured(),
            has_passwords=door.passwords_are_on(),
            ended=sessions.why_ended(self.request),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Where passwords are turned off, the same page without a form, and 403."""
        answer = super().post(request, *args, **kwargs)
        if not door.passwords_are_on():
            answer.status_code = FORBIDDEN
        return answer

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        return go_on(self.request, form.get_user(), door.PASSWORD, self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_invalid(form)
        lock = getattr(form, "lock", None)
        if lock is not None:
            answer.status_code = TOO_MANY_REQUESTS
            answer["Retry-After"] = str(lock.seconds)
        return answer


_BY_PASSWORD = _ByPassword.as_view()


@login_not_required
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """The sign-in page; a page that was polling when its session ended is told to load itself anew."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh()
    return _BY_PASSWORD(request)


@login_not_required
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin has no door of its own: this leads to the one there is.

    Raises:
      PermissionDenied: Somebody is signed in, but the admin is not for them.
    """
    if request.user.is_authenticated:
        raise PermissionDenied("The admin is for staff. A superuser can make your account a staff account.")
    wanted = request.GET.get("next") or resolve_url("admin:index")
    return redirect(f"{resolve_url('login')}?{urlencode({'next': wanted})}")


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def once(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in with a one-time link; only the button uses it up, so that a link preview does not."""
    if request.method != "POST":
        return render(request, "registration/once.html", {"token": token})
    user = one_time.redeem(token)
    if user is None:
        context = {"is_used": True, "has_passwords": door.passwords_are_on()}
        return render(request, "registration/once.html", context, status=410)
    return go_on(request, user, one_time.METHOD, resolve_url("executions:list"))
