"""Time limits by SLA class and action class, for everybody or for one tenant."""

from django.core.exceptions import ValidationError
from django.db import models

from safety.choices import ActionClass, SlaClass
from safety.models.tenant import Tenant

LIMITS = ("step_s", "execution_s", "lease_s", "approval_s", "attempts")


class TimeoutPolicy(models.Model):
    """One cell of the policy matrix; all limits in seconds. Seeded with the nine defaults, which have no tenant.

    A tenant's own row takes the place of the platform's. It tightens: what is looser than the platform's limit
    counts as the platform's, unless a superuser set `may_exceed`.
    """

    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="timeout_policies",
        help_text="Whose row this is; the platform's default when empty.",
    )
    sla = models.CharField("SLA class", max_length=10, choices=SlaClass.choices)
    action_class = models.CharField(max_length=10, choices=ActionClass.choices)
    step_s = models.PositiveIntegerField("step limit, s")
    execution_s = models.PositiveIntegerField("execution limit, s")
    lease_s = models.PositiveIntegerField("lease limit, s")
    approval_s = models.PositiveIntegerField("approval limit, s")
    attempts = models.PositiveSmallIntegerField("attempts before the dead letter queue")
    may_exceed = models.BooleanField(
        "may exceed the platform's limits",
        default=False,
        db_default=False,
        help_text="Only a superuser sets this, and only a superuser edits a row that has it.",
    )

    class Meta:
        db_table = "opsc_timeout_policy"
        verbose_name_plural = "timeout policies"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "sla", "action_class"],
                nulls_distinct=False,
                name="one_policy_per_tenant_sla_and_action",
                violation_error_message="There is such a row already: edit that one.",
            ),
            models.CheckConstraint(
                condition=models.Q(step_s__gt=0, lease_s__gt=0, approval_s__gt=0, attempts__gt=0)
                & models.Q(execution_s__gte=models.F("step_s")),
                name="policy_limits_make_sense",
                violation_error_message="Every limit must be more than 0, and the execution's no less than the step's.",
            ),
        ]

    def __str__(self) -> str:
        cell = f"{self.sla}/{self.action_class}"
        return f"{cell} ({self.tenant.slug})" if self.tenant else cell

    def clean(self) -> None:
        """Refuse limits that would not count because the platform's are tighter."""
        super().clean()
        if problems := _senseless(self):
            raise ValidationError(problems)
        if self.tenant_id is None or self.may_exceed or not (self.sla and self.action_class):
            return
        cell = TimeoutPolicy.objects.filter(tenant=None, sla=self.sla, action_class=self.action_class)
        platform = cell.first()
        if platform is None:
            raise ValidationError(
                f"The platform has no row for {self.sla}/{self.action_class}; restore it first."
            )
        problems = {
            name: f"Must be at most {most}, the platform's limit for {platform}; a superuser can allow more."
            for name in LIMITS
            if (given := getattr(self, name)) is not None and given > (most := getattr(platform, name))
        }
        if problems:
            raise ValidationError(problems)


def _senseless(policy: TimeoutPolicy) -> dict[str, str]:
    """What the table would refuse, said at the fields; a number that could not be read is None."""
    given = {name: getattr(policy, name) for name in LIMITS}
    found = {name: "Must be more than 0." for name, number in given.items() if number == 0}
    step_s, execution_s = policy.step_s, policy.execution_s
    if step_s and execution_s and execution_s < step_s:
        found["execution_s"] = "Must be no less than the limit of a step."
    return found
