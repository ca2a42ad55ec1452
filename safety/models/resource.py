"""A named thing beside the assets, of which only so much may be in use at once."""

import uuid

from django.db import models
from django.db.models.functions import Now

from safety.models.tenant import Tenant


class Resource(models.Model):
    """Such as the places in a maintenance window, a load balancer pool, or the seats of a licence.

    A plan asks for a quantity by name; executions hold at most `capacity` of it together. While one is held or waited
    for, the database refuses to delete it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="resources")
    name = models.CharField(max_length=100)
    capacity = models.PositiveIntegerField(
        default=1, help_text="How much of it all executions together may hold at one time."
    )
    description = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_resource"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="resource_name_is_unique_in_its_tenant"),
            models.CheckConstraint(
                condition=models.Q(capacity__gte=1, capacity__lte=1_000_000), name="resource_has_a_capacity"
            ),
        ]

    def __str__(self) -> str:
        return self.name
