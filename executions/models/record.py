"""What happened and who was told: events, approvals, dead letters."""

from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from executions.models.execution import Execution
from executions.models.step_run import StepRun
from executions.states import ActorKind
from safety.models import Tenant
from safety.visibility import tenants_visible_to


class TenantRecordQuerySet(models.QuerySet[Any]):
    """Records by who may see them."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Records of the tenants that `user` is a member of; none when anonymous."""
        return self.filter(tenant_id__in=tenants_visible_to(user))


class Event(models.Model):
    """One change of state, or one thing worth knowing; the database refuses to change or remove it."""

    # Written in the statement that changes what they point at; a check per key would be paid for every event.
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    execution = models.ForeignKey(
        Execution, models.PROTECT, null=True, related_name="events", db_index=False, db_constraint=False
    )
    step_run = models.ForeignKey(
        StepRun, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    type = models.CharField(max_length=40)
    from_status = models.CharField(max_length=20, blank=True, db_default="")
    to_status = models.CharField(max_length=20, blank=True, db_default="")
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor = models.CharField(max_length=150, blank=True, db_default="")
    trace_id = models.CharField(max_length=32, blank=True, db_default="")
    data = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    objects = TenantRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_event"
        indexes = [models.Index(fields=["execution", "id"], name="event_of_execution")]

    def __str__(self) -> str:
        return self.type


class DeadLetter(models.Model):
    """Work that used up its attempts, or whose outcome is unknown, waiting for a person."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    execution = models.ForeignKey(Execution, models.CASCADE, related_name="dead_letters")
    step_run = models.ForeignKey(StepRun, models.CASCADE, related_name="dead_letters")
    category = models.CharField(max_length=40)
    reason = models.CharField(max_length=2000)
    attempts = models.SmallIntegerField()
    worker = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=150, blank=True, db_default="")
    resolution = models.CharField(max_length=300, blank=True, db_default="")

    objects = TenantRecordQuerySet.as_manager()

    class Meta:
        db_table = "opsc_dead_letter"
        constraints = [
            models.UniqueConstraint(
                fields=["step_run"],
                condition=Q(closed_at__isnull=True),
                name="one_open_dead_letter_per_step_run",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant", "-created_at"], condition=Q(closed_at__isnull=True), name="dead_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.category}: {self.reason[:60]}"
