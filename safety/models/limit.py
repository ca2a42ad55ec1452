"""How much may be asked for, and how much may run at once."""

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from safety.choices import ActionClass, Environment
from safety.models.role import spoken
from safety.models.switch import Connector
from safety.models.tenant import Tenant


class LimitKind(models.TextChoices):
    """What is counted."""

    TARGETS = "targets", "targets of one run"
    STEP_RUNS = "step_runs", "step runs of one run"
    SUBMISSIONS = "submissions", "submissions of one person in a minute"
    RUNNING = "running", "runs at work at once"


# What a limit of each kind may be narrowed to; the rest of its scope has to be empty.
NARROWED_BY = {
    LimitKind.TARGETS: ("role", "environment", "action_class"),
    LimitKind.STEP_RUNS: ("role",),
    LimitKind.SUBMISSIONS: ("role",),
    LimitKind.RUNNING: ("environment", "connector"),
}
SCOPE = ("role", "environment", "action_class", "connector")


class Limit(models.Model):
    """At most so many. What is empty in its scope allows any; every limit that applies counts, so the lowest wins.

    Without a tenant it holds in each of them, and for `running` in all of them together. With a role it holds for
    whoever has no other role that allows more.
    """

    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose limit this is; the platform's when empty.",
    )
    kind = models.CharField("what is counted", max_length=20, choices=LimitKind.choices)
    role = models.CharField(max_length=20, blank=True, default="")
    environment = models.CharField(max_length=20, choices=Environment.choices, blank=True, default="")
    action_class = models.CharField(max_length=10, choices=ActionClass.choices, blank=True, default="")
    connector = models.CharField(max_length=20, choices=Connector.choices, blank=True, default="")
    most = models.PositiveIntegerField("at most", validators=[MinValueValidator(1)])

    class Meta:
        db_table = "opsc_limit"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", *SCOPE],
                nulls_distinct=False,
                name="one_limit_per_scope",
                violation_error_message="There is such a limit already: edit that one.",
            ),
            models.CheckConstraint(
                condition=Q(most__gt=0) & Q(kind__in=LimitKind.values),
                name="limit_makes_sense",
                violation_error_message="At most 1 is the least; to let nothing run, turn a switch.",
            ),
        ]

    def __str__(self) -> str:
        return f"at most {self.most} {self.get_kind_display()}{self.scope} ({self.whose})"

    @property
    def scope(self) -> str:
        """What it is narrowed to, as the end of a sentence."""
        said = {
            "role": f" as {spoken(self.role)}",
            "action_class": f" for {self.action_class} steps",
            "environment": f" in {self.environment}",
            "connector": f" by {self.connector}",
        }
        return "".join(words for name, words in said.items() if getattr(self, name))

    @property
    def whose(self) -> str:
        """Who set it, and so who can change it."""
        return f"limit of {self.tenant.name}" if self.tenant else "limit of the platform"

    @property
    def remedy(self) -> str:
        """Who can change it, and where."""
        who = "a tenant admin" if self.tenant else "whoever runs the platform"
        return f"{who} can change it in the admin, under Limits"

    def clean(self) -> None:
        """Refuse a scope that this kind of limit does not know."""
        super().clean()
        allowed = NARROWED_BY.get(LimitKind(self.kind), ()) if self.kind in LimitKind.values else SCOPE
        wrong = {
            name: f"Limits of this kind are not narrowed by {name.replace('_', ' ')}; leave it empty."
            for name in SCOPE
            if getattr(self, name) and name not in allowed
        }
        if wrong:
            raise ValidationError(wrong)
