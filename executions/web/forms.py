"""What people type into the pages, checked."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User

from executions import overriding
from executions.resolution import DECISIONS
from safety.models import Tenant
from safety.visibility import tenants_visible_to


class ReasonForm(forms.Form):
    """Why; kept in the history."""

    reason = forms.CharField(max_length=300, strip=True)


class ReserveForm(ReasonForm):
    """For how long a person keeps an asset, and why."""

    minutes = forms.IntegerField(min_value=1, max_value=43_200)

    @property
    def lasts_s(self) -> float:
        """The same in seconds."""
        return 60.0 * int(self.cleaned_data["minutes"])


class ResolveForm(ReasonForm):
    """What became of a step run whose outcome nobody knows, and how the person knows."""

    decision = forms.ChoiceField(choices=[(decision, decision) for decision in DECISIONS])


class RetryForm(forms.Form):
    """Which step runs to run again. `confirmed`: the person confirms what the page said."""

    failed_only = forms.BooleanField(required=False)
    confirmed = forms.BooleanField(required=False)


class ApproveForm(forms.Form):
    """Approval of exactly what the hash stands for."""

    approval_hash = forms.RegexField(r"\A[0-9a-f]{64}\Z", error_messages={"invalid": "The form is damaged."})
    comment = forms.CharField(max_length=1000, required=False, strip=True)


class RejectForm(forms.Form):
    """Rejection, with the reason for the requester."""

    comment = forms.CharField(max_length=1000, strip=True)


class GlassForm(forms.Form):
    """Letting it begin without its approval: for exactly this hash, and why."""

    approval_hash = forms.RegexField(r"\A[0-9a-f]{64}\Z", error_messages={"invalid": "The form is damaged."})
    reason = forms.CharField(max_length=1000, strip=True)


class PlanForm(forms.Form):
    """A plan and the tenant that it is for, among those in which the person may submit."""

    tenant = forms.ModelChoiceField(Tenant.objects.none(), empty_label=None)
    plan = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "false", "autocomplete": "off"}),
        label="Plan (JSON)",
    )

    not_secret = forms.CharField(
        max_length=overriding.LONGEST_REASON,
        required=False,
        strip=True,
        label="If something only looks like a secret: why it is none (kept in the history)",
    )

    def __init__(self, user: User | AnonymousUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        visible = Tenant.objects.filter(pk__in=tenants_visible_to(user)).order_by("name")
        allowed = [one.pk for one in visible if user.has_perm("executions.submit_execution", one)]
        field = self.fields["tenant"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (declared above; for the type checker)
        field.queryset = visible.filter(pk__in=allowed)
        self.can_submit = bool(allowed)
        self.has_choice = len(allowed) > 1
        if len(allowed) == 1:
            field.initial = allowed[0]
            field.widget = forms.HiddenInput()
        if not any(user.has_perm(overriding.PERMISSION, one) for one in visible):
            del self.fields["not_secret"]
        self.fields["plan"].widget.attrs["maxlength"] = settings.OPSC["PLAN_MAX_BYTES"]


class ConfirmForm(PlanForm):
    """The same plan once more, bound to what the preview showed.

    `form_key`: one preview's own, so that a form that is sent twice runs once, also when it asks to run again.
    """

    seen_hash = forms.RegexField(r"\A[0-9a-f]{64}\Z")
    again = forms.BooleanField(required=False)
    form_key = forms.RegexField(r"\A[0-9a-f]{32}\Z", required=False)
