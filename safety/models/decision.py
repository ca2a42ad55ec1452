"""What was asked of RBAC, and what it answered."""

from django.db import models
from django.db.models.functions import Now


class AccessDecision(models.Model):
    """One answer, kept for good: who asked to do what where, allowed or not, and why.

    The database refuses to change or remove it.
    """

    tenant_id = models.BigIntegerField()
    actor_id = models.BigIntegerField(null=True)
    question = models.CharField(max_length=100)
    environment = models.CharField(max_length=20, blank=True)
    asset_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    step_run_id = models.UUIDField(null=True)
    allowed = models.BooleanField()
    reason = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_access_decision"
        indexes = [
            models.Index(fields=["execution_id", "id"], name="decision_execution"),
            # How much a person was refused lately.
            models.Index(
                fields=["actor_id", "at"], condition=models.Q(allowed=False), name="decision_refused"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {'allowed' if self.allowed else 'refused'}"
