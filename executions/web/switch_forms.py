"""What people type into the page of switches, checked."""

from typing import Any

from django import forms
from django.contrib.auth.models import User

from executions.web.forms import ReasonForm
from safety.choices import Environment
from safety.models import Connector, SwitchMode, Tenant
from safety.visibility import tenants_visible_to

_ANY = [("", "every one")]


class LiftForm(ReasonForm):
    """Why runs may begin again."""


class SwitchForm(ReasonForm):
    """What to switch off, how far, why, and for how long."""

    field_order = ("mode", "tenant", "environment", "connector", "hours", "reason")
    mode = forms.ChoiceField(choices=SwitchMode.choices, label="How far")
    tenant = forms.ModelChoiceField(Tenant.objects.none(), label="Tenant", empty_label=None)
    environment = forms.ChoiceField(choices=_ANY + Environment.choices, required=False)
    connector = forms.ChoiceField(choices=_ANY + Connector.choices, required=False)
    hours = forms.FloatField(
        min_value=0.01, max_value=720, initial=8, label="Ends by itself after so many hours"
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenants = Tenant.objects.order_by("name")
        field = self.fields["tenant"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (declared above; for the type checker)
        if user.is_superuser:
            field.queryset, field.required, field.empty_label = tenants, False, "every one"
        else:
            mine = tenants.filter(pk__in=tenants_visible_to(user))
            field.queryset = mine.filter(
                pk__in=[one.pk for one in mine if user.has_perm("safety.turn_switch", one)]
            )
        self.can_turn = user.is_superuser or field.queryset.exists()

    @property
    def lasts_s(self) -> float:
        """For how long, in seconds."""
        return 3600.0 * float(self.cleaned_data["hours"])
