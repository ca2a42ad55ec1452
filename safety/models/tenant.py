"""The organisation that everything belongs to."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

LONGEST_WINDOW_S = 31_536_000  # a year


class Tenant(models.Model):
    """An organisation; nothing of one is ever visible to another."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    mask_ip_addresses = models.BooleanField(
        "mask IP addresses", default=False, db_default=False, help_text="In output and logs of its steps."
    )
    # Counted up by the database with every change of what is masked; workers then read the rules again.
    masking_version = models.BigIntegerField(db_default=1, editable=False)
    # Counted up by the database with every change of its rollout.
    rollout_version = models.BigIntegerField(db_default=1, editable=False)
    idempotency_window_s = models.IntegerField(
        "idempotency window (s)",
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(LONGEST_WINDOW_S)],
        help_text="Seconds in which the same plan or key answers with its first run, at most a year; 0: only "
        "while that run is open. Empty: the setting OPSC_IDEMPOTENCY_WINDOW_S.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_tenant"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(idempotency_window_s__range=(0, LONGEST_WINDOW_S)),
                name="tenant_idempotency_window_fits",
            )
        ]

    def __str__(self) -> str:
        return self.name
