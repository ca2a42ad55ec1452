"""One step of a frozen plan, and the barrier between it and its successors."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from executions.models.execution import Execution
from safety.choices import ActionClass, Effect


class Step(models.Model):
    """A step as it was frozen. `spec` is its part of the canonical plan.

    Its step runs become ready when `waits_on` reaches zero: the number of steps that it depends on and that
    are not over. `remaining` counts its own step runs that are not over; at zero it is `closed` and its
    `successors` are told.
    """

    class OnFailure(models.TextChoices):
        """What a failure of this step means for the rest of the plan."""

        ABORT = "abort"
        CONTINUE = "continue"

    execution = models.ForeignKey(Execution, models.CASCADE, related_name="steps", db_index=False)
    position = models.IntegerField()
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=20)
    spec = models.JSONField()
    action_class = models.CharField(max_length=10, choices=ActionClass.choices)
    effect = models.CharField(max_length=12, choices=Effect.choices)
    survives_worker = models.BooleanField(default=False)
    on_failure = models.CharField(max_length=10, choices=OnFailure.choices, default=OnFailure.ABORT)
    timeout_s = models.FloatField(null=True)
    retries = models.SmallIntegerField(default=0)
    max_parallel = models.IntegerField(null=True)
    estimate_s = models.FloatField(default=1)
    predecessors = ArrayField(models.IntegerField(), default=list)
    successors = ArrayField(models.IntegerField(), default=list)
    gated = models.BooleanField(default=False, db_default=False)  # approved once more before it begins
    waits_on = models.IntegerField(default=0)
    remaining = models.IntegerField()
    closed = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "opsc_step"
        constraints = [
            models.UniqueConstraint(fields=["execution", "position"], name="one_step_per_position"),
        ]

    def __str__(self) -> str:
        return self.name or self.key
