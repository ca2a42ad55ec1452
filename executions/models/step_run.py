"""One step on one target."""

import uuid
from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from executions.models.asset import Asset
from executions.models.execution import Execution
from executions.models.step import Step
from executions.states import STEP_MOVES, TERMINAL_STEP, StepStatus
from safety.models import Tenant
from safety.visibility import tenants_visible_to


class StepRunQuerySet(models.QuerySet["StepRun"]):
    """Step runs by who may see them."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Step runs of the tenants that `user` is a member of; none when anonymous."""
        return self.filter(tenant_id__in=tenants_visible_to(user))


class StepRun(models.Model):
    """One step on one target, with the lease of whoever runs it now.

    `resume`: the next holder re-attaches to this attempt instead of starting another. `verify_first`: it asks
    the step's probe whether the effect happened. `begun_by`: the worker that began this attempt. `cleaned_up`:
    how its `on_cancel` ended, none where nothing was to be cleaned up.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Always the execution's, and written with it.
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    execution = models.ForeignKey(Execution, models.CASCADE, related_name="step_runs", db_index=False)
    step = models.ForeignKey(Step, models.CASCADE, related_name="runs", db_index=False)
    asset = models.ForeignKey(Asset, models.PROTECT, null=True, related_name="step_runs", db_index=False)
    position = models.IntegerField()
    status = models.CharField(max_length=12, choices=StepStatus.choices)
    queue = models.CharField(max_length=10)
    priority = models.SmallIntegerField(default=1)
    attempt = models.SmallIntegerField(default=0, db_default=0)
    attempt_limit = models.SmallIntegerField()
    crashes = models.SmallIntegerField(default=0, db_default=0)
    resume = models.BooleanField(default=False, db_default=False)
    verify_first = models.BooleanField(default=False, db_default=False)
    not_before = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(null=True)
    lock_wait_s = models.FloatField(default=0, db_default=0)
    # What its execution had been paused when this wait began: a pause in between is no part of the wait.
    paused_before_s = models.FloatField(default=0, db_default=0)
    waiting_for = models.CharField(max_length=300, blank=True, db_default="")
    waits_for_assets = ArrayField(models.UUIDField(), null=True)
    lease_token = models.BigIntegerField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True, db_default="")
    begun_by = models.CharField(max_length=100, blank=True, db_default="")
    ready_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    exit_code = models.IntegerField(null=True)
    category = models.CharField(max_length=40, blank=True, db_default="")
    detail = models.CharField(max_length=2000, blank=True, db_default="")
    summary = models.TextField(blank=True, db_default="")
    stop_confirmed = models.BooleanField(null=True)
    cleaned_up = models.BooleanField(null=True)
    cleanup_detail = models.CharField(max_length=500, blank=True, db_default="")

    objects = StepRunQuerySet.as_manager()

    class Meta:
        db_table = "opsc_step_run"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=sorted(TERMINAL_STEP), finished_at__isnull=False)
                | Q(status__in=sorted(STEP_MOVES), finished_at__isnull=True),
                name="step_run_is_terminal_when_finished",
            ),
            models.CheckConstraint(
                condition=~Q(status=StepStatus.RUNNING)
                | Q(lease_token__isnull=False, lease_expires_at__isnull=False),
                name="step_run_runs_only_with_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(attempt__lte=F("attempt_limit")), name="step_run_attempt_limit"
            ),
        ]
        indexes = [
            models.Index(fields=["execution", "position", "id"], name="step_run_of_execution"),
            models.Index(fields=["step"], name="step_run_of_step"),
            models.Index(
                fields=["asset", "-started_at"], condition=Q(asset__isnull=False), name="step_run_of_asset"
            ),
            models.Index(
                fields=["queue", "priority", "ready_at"],
                condition=Q(status=StepStatus.READY),
                name="step_run_claimable",
            ),
            models.Index(
                fields=["lease_expires_at"], condition=Q(status=StepStatus.RUNNING), name="step_run_leased"
            ),
            models.Index(
                fields=["not_before"], condition=Q(status=StepStatus.RETRYING), name="step_run_retrying"
            ),
            models.Index(
                fields=["execution"], condition=Q(waiting_since__isnull=False), name="step_run_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} on {self.asset or 'no target'}"


class OutputChunk(models.Model):
    """A piece of masked output. `raw_end` is the offset in the raw stream that it reaches."""

    step_run = models.ForeignKey(StepRun, models.CASCADE, related_name="chunks", db_index=False)
    attempt = models.SmallIntegerField()
    sequence = models.IntegerField()
    stream = models.CharField(max_length=10)
    text = models.TextField()
    raw_end = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "opsc_output_chunk"
        constraints = [
            models.UniqueConstraint(fields=["step_run", "attempt", "sequence"], name="one_chunk_per_sequence")
        ]

    def __str__(self) -> str:
        return f"{self.stream} #{self.sequence}"
