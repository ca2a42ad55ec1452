"""Time limits by SLA class and action class."""

from django.db import models

from safety.choices import ActionClass, SlaClass


class TimeoutPolicy(models.Model):
    """One cell of the policy matrix; all limits in seconds. Seeded with the nine defaults."""

    sla = models.CharField("SLA class", max_length=10, choices=SlaClass.choices)
    action_class = models.CharField(max_length=10, choices=ActionClass.choices)
    step_s = models.PositiveIntegerField("step limit, s")
    execution_s = models.PositiveIntegerField("execution limit, s")
    lease_s = models.PositiveIntegerField("lease limit, s")
    approval_s = models.PositiveIntegerField("approval limit, s")
    attempts = models.PositiveSmallIntegerField("attempts before the dead letter queue")

    class Meta:
        db_table = "opsc_timeout_policy"
        verbose_name_plural = "timeout policies"
        constraints = [
            models.UniqueConstraint(fields=["sla", "action_class"], name="one_policy_per_sla_and_action"),
            models.CheckConstraint(
                condition=models.Q(step_s__gt=0, lease_s__gt=0, approval_s__gt=0, attempts__gt=0)
                & models.Q(execution_s__gte=models.F("step_s")),
                name="policy_limits_make_sense",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sla}/{self.action_class}"
