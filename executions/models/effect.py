"""What one attempt was about to do to its target, and what is known of how that ended."""

from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models.functions import Now

from executions.models.step_run import StepRun
from executions.states import EffectOutcome
from safety.visibility import tenants_visible_to


class EffectRecordQuerySet(models.QuerySet["EffectRecord"]):
    """Effect records by who may see them."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Records of the tenants that `user` is a member of; none when anonymous."""
        return self.filter(step_run__tenant_id__in=tenants_visible_to(user))


class EffectRecord(models.Model):
    """The intent of one attempt, committed before its effect; the statement that ends the attempt completes it.

    `token` and `worker` are those of the holder that began it: one claim begins one effect at most. While
    `outcome` is empty, nothing is known yet. `asset_lease_id`: the lease on the step's asset that it began under.
    """

    token = models.BigIntegerField(primary_key=True, editable=False)
    # Written through the claim, which has locked the step run: a check per key would be paid for every step.
    step_run = models.ForeignKey(
        StepRun, models.CASCADE, related_name="effects", db_index=False, db_constraint=False
    )
    attempt = models.SmallIntegerField()
    worker = models.CharField(max_length=100)
    begun_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    asset_lease_id = models.BigIntegerField(null=True)
    outcome = models.CharField(max_length=20, choices=EffectOutcome.choices, blank=True, db_default="")

    objects = EffectRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_effect"
        constraints = [models.UniqueConstraint(fields=["step_run", "attempt"], name="one_effect_per_attempt")]

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.get_outcome_display() or 'under way'}"
