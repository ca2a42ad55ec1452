"""How far a tenant's runs are let at real targets."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from safety.models.tenant import Tenant

LEAST_PERCENT, MOST_PERCENT = 5, 50
HIGHEST_LEVEL = 3


class Phase(models.TextChoices):
    """From nothing to everything."""

    OFF = "off"
    SHADOW = "shadow"
    CANARY = "canary"
    FULL = "full"


class Rollout(models.Model):
    """The phase of one tenant; a tenant without a row is `full`.

    off: no run is taken. shadow: runs go through every guard, and touch no target. canary: `percent` of the plans,
    always the same ones, of at most approval level `most_level`, run for real; the others are shadows.
    """

    tenant = models.OneToOneField(Tenant, models.CASCADE, related_name="rollout", primary_key=True)
    phase = models.CharField(max_length=10, choices=Phase.choices)
    percent = models.PositiveSmallIntegerField(
        default=LEAST_PERCENT, validators=[MinValueValidator(LEAST_PERCENT), MaxValueValidator(MOST_PERCENT)]
    )
    most_level = models.PositiveSmallIntegerField(
        "highest approval level", default=1, validators=[MaxValueValidator(HIGHEST_LEVEL)]
    )
    reason = models.CharField(max_length=300)
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_rollout"
        constraints = [
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="rollout_phase_is_known"),
            models.CheckConstraint(
                condition=Q(percent__range=(LEAST_PERCENT, MOST_PERCENT))
                & Q(most_level__range=(0, HIGHEST_LEVEL)),
                name="rollout_canary_fits",
            ),
        ]

    def __str__(self) -> str:
        if self.phase != Phase.CANARY:
            return str(self.phase)
        return f"canary: {self.percent} % of the plans, up to approval level {self.most_level}"
