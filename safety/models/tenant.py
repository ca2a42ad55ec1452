"""The organisation that everything belongs to."""

from django.db import models
from django.db.models.functions import Now


class Tenant(models.Model):
    """An organisation; nothing of one is ever visible to another."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    paused_at = models.DateTimeField(null=True, blank=True, help_text="While set, no step of it starts.")
    mask_ip_addresses = models.BooleanField(
        "mask IP addresses", default=False, db_default=False, help_text="In output and logs of its steps."
    )
    # Counted up by the database with every change of what is masked; workers then read the rules again.
    masking_version = models.BigIntegerField(db_default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_tenant"

    def __str__(self) -> str:
        return self.name
