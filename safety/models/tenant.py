"""The organisation that everything belongs to."""

from django.db import models
from django.db.models.functions import Now


class Tenant(models.Model):
    """An organisation; nothing of one is ever visible to another."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    paused_at = models.DateTimeField(null=True, blank=True, help_text="While set, no step of it starts.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_tenant"

    def __str__(self) -> str:
        return self.name
