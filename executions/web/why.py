"""The page that says why somebody can, or can't, do something, and what would help. Nothing is recorded."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from executions import asking
from executions.errors import Refusal, Refused
from executions.models import Execution
from executions.web.listing import id_range
from executions.web.permission import person
from safety.choices import ActionClass, Environment
from safety.explaining import QUESTIONS
from safety.models import Tenant
from safety.models.role import PERMISSIONS

_ANY = [("", "any")]
_SHORT = {name: short for short, name in QUESTIONS.items()}


class WhyForm(forms.Form):
    """Whose right to what is asked about, and where. Filled from an address, so that a link can carry it."""

    person = forms.CharField(max_length=150, label="Who")
    question = forms.ChoiceField(choices=[(_SHORT[name], words) for name, words in PERMISSIONS], label="May")
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(), to_field_name="slug", empty_label=None, label="Tenant"
    )
    execution = forms.CharField(
        max_length=36, min_length=4, required=False, label="Run (its id, or the beginning)"
    )
    environment = forms.ChoiceField(choices=_ANY + Environment.choices, required=False)
    action_class = forms.ChoiceField(choices=_ANY + ActionClass.choices, required=False, label="Steps")

    def __init__(self, asker: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asker = asker
        tenants = asking.tenants_to_ask_about(asker)
        field = self.fields["tenant"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (declared above; for the type checker)
        field.queryset = tenants
        self.can_ask = tenants.exists()

    @property
    def reply(self) -> asking.Reply:
        """The answer to the question of a form that is valid."""
        given = self.cleaned_data
        return asking.reply(
            self.asker,
            given["person"],
            given["tenant"],
            QUESTIONS[given["question"]],
            pair=(given["environment"], given["action_class"]),
            execution=given["execution"],
        )

    def clean_execution(self) -> Execution | None:
        text = self.cleaned_data["execution"]
        if not text:
            return None
        low, high = id_range(text)
        rows = asking.executions_to_ask_about(self.asker)
        found = list(rows.filter(pk__gte=low, pk__lte=high)[:2]) if low and high else []
        if len(found) != 1:
            which = "Several runs begin" if found else "There is no run that you may see, which begins"
            raise forms.ValidationError(f"{which} like this.")
        return found[0]

    def clean(self) -> None:
        given = self.cleaned_data
        if self.errors:
            return
        execution = given["execution"]
        if execution and (
            execution.tenant != given["tenant"] or given["environment"] or given["action_class"]
        ):
            self.add_error("execution", "A run says where and what already: choose its tenant, and “any”.")
            return
        try:
            given["person"] = asking.find_person(self.asker, given["person"], given["tenant"])
            if execution:
                asking.pairs_of(execution, QUESTIONS[given["question"]])
        except Refused as refusal:
            place = "person" if isinstance(given["person"], str) else "execution"
            self.add_error(place, f"{refusal} {refusal.hint}".strip())


@require_safe
def why(request: HttpRequest) -> HttpResponse:
    """The form, and beneath it the answer when there is a question."""
    asker = person(request)
    is_asked = "question" in request.GET
    form = WhyForm(asker, request.GET if is_asked else None, initial={"person": asker.username})
    if not form.can_ask:
        raise PermissionDenied("You are not a member of any tenant yet. A tenant admin can add you.")
    reply = form.reply if is_asked and form.is_valid() else None
    status = 400 if is_asked and reply is None else 200
    return render(request, "executions/why.html", {"form": form, "reply": reply}, status=status)


def address_after(refused: Refusal, user: User) -> str:
    """Where this person reads why they were refused; empty where the page does not know such a question."""
    tenant = Tenant.objects.filter(pk=refused.question.tenant_id).first()
    if tenant is None:
        return ""
    return address(
        user.username,
        refused.answer.question,
        tenant,
        execution_id=refused.question.execution_id,
        environment=refused.answer.environment,
    )


def address(
    username: str, question: str, tenant: Tenant, *, execution_id: UUID | None, environment: str
) -> str:
    """The page with this question answered; a right to run is asked for in the environment alone."""
    if question not in _SHORT:
        return ""
    is_run = ":" in question
    given = {
        "person": username,
        "question": _SHORT[question],
        "tenant": tenant.slug,
        "execution": "" if is_run else str(execution_id or ""),
        "environment": environment if is_run or not execution_id else "",
    }
    return f"{reverse('executions:why')}?{urlencode({name: value for name, value in given.items() if value})}"
