"""An asset that a person keeps for themselves for a while."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from safety.models.tenant import Tenant


class ReservationQuerySet(models.QuerySet["Reservation"]):
    """Reservations by whether they count now."""

    def standing(self) -> Self:
        """Those that were not ended and whose end has not come, by the database's clock."""
        return self.filter(ended_at__isnull=True, ends_at__gt=Now())


class Reservation(models.Model):
    """While it stands, only executions that `person` asked for may take the asset.

    It ends at `ends_at` by itself, or earlier by a person (`ended_by`). Who holds the asset already keeps it.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="reservations", db_index=False)
    asset_id = models.UUIDField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="reservations", db_index=False
    )
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True, db_default="")

    objects = ReservationQuerySet.as_manager()

    class Meta:
        db_table = "opsc_reservation"
        permissions = [("reserve_asset", "Can reserve an asset")]
        constraints = [
            models.UniqueConstraint(
                fields=["asset_id"], condition=Q(ended_at__isnull=True), name="one_open_reservation_per_asset"
            ),
        ]
        indexes = [
            models.Index(fields=["ends_at"], condition=Q(ended_at__isnull=True), name="reservation_open"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_id} reserved by {self.person}"
