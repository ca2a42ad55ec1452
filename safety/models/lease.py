"""Who holds what, and who waits for it: leases, the waiting line, and the row that orders both."""

from django.db import models
from django.db.models.functions import Now


class LeaseMode(models.TextChoices):
    """An exclusive lease stands alone; shared ones stand beside each other."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class Lockable(models.Model):
    """An asset that was leased at least once, or a named resource.

    Its row is locked by whoever takes, frees or reserves it, so that these come one after the other. It outlives a
    resource that is deleted: `is_resource`, without a row there, is had by nobody.
    """

    id = models.UUIDField(primary_key=True)
    tenant_id = models.BigIntegerField()
    is_resource = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "opsc_lockable"

    def __str__(self) -> str:
        return str(self.id)


class Lease(models.Model):
    """A row exists while an execution holds the asset or resource.

    `token` grows with every grant of the same thing. `expires_at` is renewed by the holder's heartbeat; expiry
    alone frees nothing, the reaper decides. `under_review` keeps the lease until a person releases it.
    `quantity`: how many units of a resource; 1 for an asset.
    """

    lockable_id = models.UUIDField()
    tenant_id = models.BigIntegerField()
    execution_id = models.UUIDField()
    mode = models.CharField(max_length=10, choices=LeaseMode.choices, default=LeaseMode.EXCLUSIVE)
    quantity = models.IntegerField(default=1)
    worker = models.CharField(max_length=100, blank=True)
    token = models.BigIntegerField()
    acquired_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    under_review = models.BooleanField(default=False, db_default=False)
    reason = models.CharField(max_length=300, blank=True, db_default="")

    class Meta:
        db_table = "opsc_lease"
        permissions = [
            ("release_lease", "Can release a lease that was kept for a person"),
            ("force_release_lease", "Can take a lease away from a holder at work"),
        ]
        indexes = [
            models.Index(fields=["execution_id"], name="lease_execution"),
            models.Index(fields=["expires_at"], name="lease_expiry"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["lockable_id", "execution_id"], name="one_lease_per_holder"),
            models.UniqueConstraint(
                fields=["lockable_id"],
                condition=models.Q(mode=LeaseMode.EXCLUSIVE),
                name="one_exclusive_lease_per_lockable",
            ),
            models.CheckConstraint(
                condition=models.Q(token__gt=0, quantity__gt=0), name="lease_has_a_token_and_a_quantity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lockable_id} held by {self.execution_id}"


class LinePlace(models.Model):
    """An execution waits for an asset or resource; the lower its `place`, the earlier it asked.

    Everything that one execution waits for has one place, so that the order is the same in every line.
    """

    lockable_id = models.UUIDField()
    tenant_id = models.BigIntegerField()
    execution_id = models.UUIDField()
    actor_id = models.BigIntegerField(null=True)
    mode = models.CharField(max_length=10, choices=LeaseMode.choices)
    quantity = models.IntegerField(default=1)
    place = models.BigIntegerField()
    asked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_line_place"
        indexes = [models.Index(fields=["execution_id"], name="line_place_execution")]
        constraints = [
            models.UniqueConstraint(fields=["lockable_id", "execution_id"], name="one_place_per_waiter")
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} waits for {self.lockable_id}"
