"""The right of one execution to change one asset."""

from django.db import models
from django.db.models.functions import Now


class AssetLease(models.Model):
    """A row exists while an execution holds the asset: one row per asset, so one holder.

    `token` grows with every grant. `expires_at` is renewed by the holder's heartbeat; expiry alone frees
    nothing, the reaper decides. `under_review` keeps the asset until a person releases it.
    """

    asset_id = models.UUIDField(primary_key=True)
    tenant_id = models.BigIntegerField()
    execution_id = models.UUIDField()
    worker = models.CharField(max_length=100, blank=True)
    token = models.BigIntegerField()
    acquired_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    under_review = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "opsc_asset_lease"
        indexes = [
            models.Index(fields=["execution_id"], name="asset_lease_execution"),
            models.Index(fields=["expires_at"], name="asset_lease_expiry"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(token__gt=0), name="asset_lease_has_a_token")
        ]

    def __str__(self) -> str:
        return f"{self.asset_id} held by {self.execution_id}"
