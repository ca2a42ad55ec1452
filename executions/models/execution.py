"""One run of one frozen plan."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from executions.states import AS_PAST, OPEN_EXECUTION, TERMINAL_EXECUTION, Clock, ExecutionStatus, Mode
from safety.choices import ActionClass, Environment, SlaClass
from safety.models import Tenant
from safety.visibility import tenants_visible_to


class ExecutionQuerySet(models.QuerySet["Execution"]):
    """Executions by who may see them."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Executions of the tenants that `user` is a member of; none when anonymous."""
        return self.filter(tenant_id__in=tenants_visible_to(user))


class Execution(models.Model):
    """One run of one frozen plan for one tenant, requested by one actor.

    `plan` is the canonical JSON that was approved and runs. The counters are kept by `lifecycle`, so that
    progress needs no counting. `aborted` is set once a failure ends the plan. `cancel_kind` is a CancelReason.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="executions")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="executions", db_index=False
    )
    # The token with which it was submitted, and who owned the service account that submitted it, then.
    api_token = models.ForeignKey(
        "tokens.ApiToken", models.PROTECT, null=True, related_name="+", db_index=False
    )
    answers_for_it = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    retry_of = models.ForeignKey("self", models.PROTECT, null=True, related_name="retries", db_index=False)
    name = models.CharField(max_length=200)
    plan = models.TextField()
    plan_hash = models.CharField(max_length=64)
    approval_hash = models.CharField(max_length=64)
    approval_level = models.SmallIntegerField(default=0)
    idempotency_key = models.CharField(max_length=64)
    blocks_repeats = models.BooleanField(default=True, db_default=True)
    status = models.CharField(max_length=20, choices=ExecutionStatus.choices)
    status_reason = models.CharField(max_length=500, blank=True, db_default="")
    mode = models.CharField(max_length=12, choices=Mode.choices)
    sla = models.CharField(max_length=10, choices=SlaClass.choices)
    action_class = models.CharField(max_length=10, choices=ActionClass.choices)
    environment = models.CharField(max_length=20, choices=Environment.choices)
    # Every "environment:action class" that its steps meet; empty in rows older than this column.
    touches = ArrayField(models.CharField(max_length=31), default=list, db_default=[])
    priority = models.SmallIntegerField(default=1)
    fail_when_busy = models.BooleanField(default=False)
    max_wait_s = models.FloatField(null=True)
    # What it holds while it runs: assets exclusively, assets shared, and units of resources by their ids.
    changes_assets = models.JSONField(default=list)
    shares_assets = models.JSONField(default=list, db_default=[])
    resources = models.JSONField(default=dict, db_default={})
    estimate_s = models.FloatField(default=0)

    # The row of the timeout policy that applied, copied: a later edit changes no running execution.
    policy = models.CharField(max_length=80)
    shadow = models.BooleanField(
        default=False, db_default=False
    )  # goes through every guard, touches no target
    step_limit_s = models.IntegerField()
    limit_s = models.IntegerField()
    lease_limit_s = models.IntegerField()
    attempt_limit = models.SmallIntegerField()

    total_runs = models.IntegerField()
    open_runs = models.IntegerField()
    succeeded_runs = models.IntegerField(default=0, db_default=0)
    failed_runs = models.IntegerField(default=0, db_default=0)
    timed_out_runs = models.IntegerField(default=0, db_default=0)
    cancelled_runs = models.IntegerField(default=0, db_default=0)
    skipped_runs = models.IntegerField(default=0, db_default=0)
    interrupted_runs = models.IntegerField(default=0, db_default=0)
    aborted = models.BooleanField(default=False, db_default=False)

    targets_checked = models.BooleanField(default=False, db_default=False)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_kind = models.CharField(max_length=20, blank=True, db_default="")
    cancel_reason = models.CharField(max_length=300, blank=True, db_default="")
    cancel_actor = models.CharField(max_length=150, blank=True, db_default="")
    cancel_actor_kind = models.CharField(max_length=10, blank=True, db_default="")
    trace_id = models.CharField(max_length=32)
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    # What its time went into, seconds; the database turns the clock (migration 0010) and sets `deadline_at`,
    # which is empty while no time is spent. `spent_earlier_s`: spent before a person's last decision.
    clock = models.CharField(max_length=10, choices=Clock.choices, blank=True, db_default="")
    clock_since = models.DateTimeField(null=True)
    spent_s = models.FloatField(default=0, db_default=0)
    spent_earlier_s = models.FloatField(default=0, db_default=0)
    approval_wait_s = models.FloatField(default=0, db_default=0)
    queue_wait_s = models.FloatField(default=0, db_default=0)
    lease_wait_s = models.FloatField(default=0, db_default=0)
    decision_wait_s = models.FloatField(default=0, db_default=0)
    pause_wait_s = models.FloatField(default=0, db_default=0)
    lost_wait_s = models.FloatField(default=0, db_default=0)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        db_table = "opsc_execution"
        permissions = [
            ("submit_execution", "Can submit a plan"),
            ("cancel_execution", "Can cancel an execution"),
            ("retry_execution", "Can retry an execution"),
            ("approve_execution", "Can approve an execution"),
            ("resolve_execution", "Can decide about an unknown outcome"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(blocks_repeats=True),
                name="one_run_per_idempotency_key",
            ),
            # Few and short: PostgreSQL reads every one of them anew for each statement that writes here.
            models.CheckConstraint(
                condition=Q(status__in=sorted(TERMINAL_EXECUTION), finished_at__isnull=False)
                | Q(status__in=sorted(OPEN_EXECUTION), finished_at__isnull=True),
                name="execution_is_terminal_when_finished",
            ),
            models.CheckConstraint(
                condition=Q(open_runs__gte=0, open_runs__lte=F("total_runs"), interrupted_runs__gte=0),
                name="execution_counters_fit",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="execution_list"),
            models.Index(
                fields=["tenant", "status", "-created_at", "-id"],
                condition=~Q(status=ExecutionStatus.SUCCEEDED),
                name="execution_list_by_status",
            ),
            models.Index(fields=["retry_of"], condition=Q(retry_of__isnull=False), name="execution_retries"),
            # What a key is bound to although it may run again; few rows, because most executions succeed.
            models.Index(
                fields=["idempotency_key", "-created_at"],
                condition=Q(blocks_repeats=False),
                name="execution_freed_keys",
            ),
            models.Index(fields=["tenant", "plan_hash", "-created_at"], name="execution_same_plan"),
            models.Index(
                fields=["status", "deadline_at"],
                condition=Q(finished_at__isnull=True),
                name="execution_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.short_id}"

    @property
    def short_id(self) -> str:
        """The first eight characters of the id: enough for people, accepted by every command."""
        return str(self.id)[:8]

    @property
    def past(self) -> str:
        """What became of it, to go after "which"."""
        return AS_PAST.get(self.status, f"is {self.get_status_display()}")

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_EXECUTION

    @property
    def percent(self) -> int:
        """Share of step runs that are over, 0 to 100."""
        return 100 * (self.total_runs - self.open_runs) // max(self.total_runs, 1)
