"""A person's API tokens, and those of their service accounts: make one, see its value once, revoke it."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from executions import api_tokens
from executions.api_tokens import LONGEST_NAME, Wanted
from executions.errors import Refused
from executions.web.permission import person
from executions.web.refusals import shows_refusals
from executions.web.second_factor import needs_fresh_sign_in
from executions.web.second_step import signed_in
from safety.choices import Scope
from safety.models import Membership
from safety.tokens.models import ServiceAccount

USUAL_DAYS: Final = 30
LONGEST_NETWORKS: Final = 2000


class TokenForm(forms.Form):
    """What a new token is for. `where`: an account and a tenant, among those that the person may make one for."""

    name = forms.CharField(
        max_length=LONGEST_NAME, label="Name", help_text="What you will know it by, such as where it is kept."
    )
    where = forms.ChoiceField(label="Acts as")
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, label="May", initial=[Scope.READ]
    )
    days = forms.IntegerField(min_value=1, label="Days until it expires")
    networks = forms.CharField(
        required=False,
        max_length=LONGEST_NETWORKS,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        label="Only from these networks",
        help_text="Such as 192.0.2.0/24, one a line. Empty: from everywhere.",
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.holders = {f"{holder.pk}:{one.tenant_id}": (holder, one) for holder, one in _holders(user)}
        where = self.fields["where"]
        assert isinstance(where, forms.ChoiceField)  # noqa: S101  (declared above; for the type checker)
        where.choices = [(key, f"{holder} in {one.tenant}") for key, (holder, one) in self.holders.items()]
        longest = settings.OPSC["TOKEN_MAX_DAYS"]
        self.fields["days"].initial = min(USUAL_DAYS, longest)
        self.fields["days"].widget.attrs["max"] = longest

    def wanted(self) -> tuple[Wanted, User]:
        """What the domain is asked for, and whose it is to be."""
        given = self.cleaned_data
        holder, membership = self.holders[given["where"]]
        wanted = Wanted(
            name=given["name"],
            tenant=membership.tenant,
            scopes=given["scopes"],
            days=given["days"],
            networks=given["networks"].split(),
        )
        return wanted, holder


@needs_fresh_sign_in
@never_cache
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form; what it makes is shown with its value in the answer, and never again."""
    user = person(request)
    form = TokenForm(user, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "registration/new_token.html", {"form": form})
    wanted, holder = form.wanted()
    account = None if holder == user else ServiceAccount.objects.select_related("user").get(user=holder)
    try:
        token, value = api_tokens.create(wanted, by=user, account=account, signed_in=signed_in(request))
    except Refused as refusal:
        form.add_error(None, f"{refusal} {refusal.hint}".strip())
        return render(request, "registration/new_token.html", {"form": form}, status=400)
    return render(request, "registration/token_made.html", {"token": token, "value": value})


@require_POST
@shows_refusals
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """End a token for good."""
    if api_tokens.revoke(token_id, by=person(request)):
        messages.success(
            request, "The token is revoked. What was submitted with it stops before its next step."
        )
    else:
        messages.info(request, "That token was revoked before.")
    return redirect("account")


def _holders(user: User) -> list[tuple[User, Membership]]:
    """The person, then their service accounts, each once in each tenant where a token would open something."""
    robots = [one.user for one in ServiceAccount.objects.filter(owner=user).select_related("user")]
    rows = Membership.objects.standing().filter(user__in=[user, *robots]).select_related("user", "tenant")
    once = {(one.user_id, one.tenant_id): one for one in rows.order_by("tenant__name", "pk")}
    return sorted(
        ((one.user, one) for one in once.values()), key=lambda pair: (pair[0] != user, pair[0].username)
    )
