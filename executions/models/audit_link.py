"""The hash chain over history."""

from django.db import models

from executions.models.record import TenantRecordQuerySet
from safety.models import Tenant


class AuditLink(models.Model):
    """One link of a tenant's hash chain: it seals one row of history. See `executions/audit/chain.py`.

    `seq` counts from 1 without a gap. `row_hash` is that of the row's canonical form, `hash` that of this link and,
    through the hash of the link before, of everything that was sealed before. The database refuses to change or
    remove it.
    """

    class Kind(models.TextChoices):
        """Which table the row is in."""

        EVENT = "event"
        DECISION = "decision", "access decision"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    row_id = models.BigIntegerField()
    sealed_at = models.DateTimeField()
    row_hash = models.BinaryField()
    hash = models.BinaryField()

    objects = TenantRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_audit_link"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "seq"], name="one_audit_link_per_number"),
            models.UniqueConstraint(fields=["kind", "row_id"], name="one_audit_link_per_row"),
        ]

    def __str__(self) -> str:
        return f"link {self.seq}: {self.kind} {self.row_id}"
