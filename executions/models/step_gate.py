"""Once more before a step: whether somebody allowed it, for exactly what it would do."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from executions.models.execution import Execution
from executions.models.record import TenantRecordQuerySet
from executions.models.step import Step
from safety.models import Tenant


class StepGate(models.Model):
    """Asked for when the first step run of a gated step could begin; none of them begins before it is approved.

    `expires_at`: until when it may be decided; once approved, until when the step has to begin. `used_at`: when it did.
    """

    class Status(models.TextChoices):
        """Where it stands."""

        REQUESTED = "requested"
        APPROVED = "approved"
        REJECTED = "rejected"
        EXPIRED = "expired"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    execution = models.ForeignKey(Execution, models.CASCADE, related_name="gates")
    step = models.OneToOneField(Step, models.CASCADE, related_name="gate")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    reminded = models.PositiveSmallIntegerField(default=0, db_default=0)
    gate_hash = models.CharField(max_length=64, blank=True, db_default="")
    requested_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=1000, blank=True, db_default="")
    signed_in_with = models.CharField(max_length=80, blank=True, db_default="")
    signed_in_at = models.DateTimeField(null=True)
    address = models.GenericIPAddressField(null=True)

    late = False  # whether its time is over, for whoever asks the database
    wanted_hash = ""  # what the hash has to be, for whoever shows it

    objects = TenantRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_step_gate"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["requested", "expired"]) | Q(decided_by__isnull=False),
                name="gate_decision_has_a_person",
            )
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(status="requested"), name="gate_open"),
            models.Index(
                fields=["execution"], condition=Q(status="approved", used_at__isnull=True), name="gate_unused"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status}: {self.step}"
