"""The approval of one execution, what people said about it, and the links by which they can."""

from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from executions.models.execution import Execution
from executions.models.record import TenantRecordQuerySet
from executions.models.step_gate import StepGate
from safety.models import Delegation, Tenant


class Approval(models.Model):
    """What one execution's approval says, bound to the hash of what will run.

    groups: so many people (`quorum`) of each of them have to approve; anybody's where there are none. Where somebody
    let it begin in an emergency (`break_glass`), somebody else looks at it later: reviewed_by, _at, review.
    """

    class Status(models.TextChoices):
        """Where an approval stands."""

        REQUESTED = "requested"
        APPROVED = "approved"
        REJECTED = "rejected"
        EXPIRED = "expired"
        WITHDRAWN = "withdrawn"
        BREAK_GLASS = "break_glass", "break-glass"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    execution = models.OneToOneField(Execution, models.CASCADE, related_name="approval")
    level = models.SmallIntegerField()
    policy = models.CharField(max_length=120, blank=True, db_default="")
    quorum = models.PositiveSmallIntegerField(default=1, db_default=1)
    groups = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
    reminded = models.PositiveSmallIntegerField(default=0, db_default=0)
    approval_hash = models.CharField(max_length=64)
    status = models.CharField(max_length=11, choices=Status.choices, default=Status.REQUESTED)
    requested_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=1000, blank=True)
    signed_in_with = models.CharField(max_length=80, blank=True)
    signed_in_at = models.DateTimeField(null=True)
    address = models.GenericIPAddressField(null=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    reviewed_at = models.DateTimeField(null=True)
    review = models.CharField(max_length=1000, blank=True, db_default="")

    objects = TenantRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_approval"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["approved", "rejected", "break_glass"], decided_by__isnull=False)
                | ~Q(status__in=["approved", "rejected", "break_glass"]),
                name="approval_decision_has_a_person",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by=None) | (Q(status="break_glass") & ~Q(reviewed_by=F("decided_by"))),
                name="somebody_else_reviews_break_glass",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(status="requested"), name="approval_open"),
            models.Index(
                fields=["tenant", "expires_at"], condition=Q(status="requested"), name="approval_queue"
            ),
            models.Index(
                fields=["tenant", "decided_at"],
                condition=Q(status="break_glass", reviewed_by=None),
                name="approval_to_review",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} (level {self.level})"


class Vote(models.Model):
    """What one person said about one approval, or about that of one step of the run (`gate`).

    delegation: by whose right, where it was not their own.
    """

    class Decision(models.TextChoices):
        """For it, against it, or taken back."""

        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    approval = models.ForeignKey(Approval, models.CASCADE, related_name="votes", db_index=False)
    gate = models.ForeignKey(StepGate, models.CASCADE, null=True, related_name="votes")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    delegation = models.ForeignKey(Delegation, models.PROTECT, null=True, related_name="+", db_index=False)
    decision = models.CharField(max_length=10, choices=Decision.choices)
    approval_hash = models.CharField(max_length=64)
    comment = models.CharField(max_length=1000, blank=True)
    signed_in_with = models.CharField(max_length=80, blank=True)
    signed_in_at = models.DateTimeField(null=True)
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(db_default=Now())

    objects = TenantRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_approval_vote"
        constraints = [
            models.UniqueConstraint(
                fields=["approval", "gate", "person"], nulls_distinct=False, name="one_vote_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.decision} by {self.person}"

    @property
    def rests_on_id(self) -> int:
        """Whose right it rests on."""
        return self.delegation.giver_id if self.delegation else self.person_id


class ApprovalLink(models.Model):
    """A link that lets one person decide once, about one approval or (`gate`) one step of its run."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    approval = models.ForeignKey(Approval, models.CASCADE, related_name="links")
    gate = models.ForeignKey(StepGate, models.CASCADE, null=True, related_name="+", db_index=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    approval_hash = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    objects = TenantRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_approval_link"

    def __str__(self) -> str:
        return f"link for {self.person}"
