"""A person's own account: its password, its sessions, and what happened to it lately."""

from django import forms
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from executions.api_tokens import tokens_of
from executions.web.permission import person
from safety.signin import door, sessions
from safety.signin.models import RecoveryCode, SecondFactor, SignInRecord
from safety.signin.records import What, record

RECORDS_SHOWN = 20
TOKENS_SHOWN = 100


class OwnPasswordForm(PasswordChangeForm):
    """The old password is compared at the door, so that wrong ones count."""

    request: HttpRequest

    def clean_old_password(self) -> str:
        old = str(self.cleaned_data["old_password"])
        answer = door.by_password(self.request, self.user.get_username(), old)
        if answer.lock is not None:
            raise forms.ValidationError("Too many tries. Wait a while, then try again.")
        if answer.user != self.user:
            raise forms.ValidationError("This is not your password.")
        return old


@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """What there is to know and to do about one's own account."""
    user = person(request)
    records = SignInRecord.objects.filter(user_id=user.pk).order_by("-pk")
    return render(
        request,
        "registration/account.html",
        {
            "tokens": tokens_of(user)[:TOKENS_SHOWN],
            "records": records[:RECORDS_SHOWN],
            "second_factor": SecondFactor.objects.filter(user=user).first(),
            "recovery_codes": RecoveryCode.objects.filter(user=user).count(),
            "has_passwords": door.passwords_are_on(),
        },
    )


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """A new password; it ends the other sessions.

    Raises:
      PermissionDenied: Passwords are turned off.
    """
    if not door.passwords_are_on():
        raise PermissionDenied(door.PASSWORDS_OFF)
    user = person(request)
    form = OwnPasswordForm(user, request.POST or None)
    form.request = request
    if request.method != "POST" or not form.is_valid():
        return render(request, "registration/password.html", {"form": form})
    form.save()
    update_session_auth_hash(request, user)
    record(user, What.PASSWORD, address=door.client_address(request))
    messages.success(request, "Your password is changed. Your other sessions have ended.")
    return redirect("account")


@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all sessions of this person, this one included."""
    sessions.end_everywhere(person(request), address=door.client_address(request))
    logout(request)
    request.session[sessions.WHY_ENDED] = sessions.ENDED
    return redirect("login")
