"""Rows in any state, written straight into the tables, for tests that need a state and not the way there."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.db.models import Model
from django.utils import timezone

from executions.models import (
    Approval,
    Asset,
    AuditLink,
    DeadLetter,
    EffectRecord,
    Event,
    Execution,
    OutputChunk,
    Step,
    StepRun,
    Vote,
)
from executions.plans import canonical_bytes, plan_hash
from executions.states import TERMINAL_EXECUTION, TERMINAL_STEP, ExecutionStatus, StepStatus
from safety.choices import Role, Scope
from safety.models import Lease, LinePlace, Lockable, Membership, Reservation, Resource, Switch, Tenant
from safety.tokens import values
from safety.tokens.models import ApiToken, ServiceAccount

PASSWORD = "correct horse 7"
_COUNTER = {
    StepStatus.SUCCEEDED: "succeeded_runs",
    StepStatus.FAILED: "failed_runs",
    StepStatus.TIMED_OUT: "timed_out_runs",
    StepStatus.CANCELLED: "cancelled_runs",
    StepStatus.SKIPPED: "skipped_runs",
    StepStatus.INTERRUPTED: "interrupted_runs",
}


def a_tenant(slug: str = "acme") -> Tenant:
    """The tenant of this name, made when there is none."""
    return Tenant.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0]


def a_person(name: str, role: Role | str = "", *, tenant: Tenant | None = None, **more: Any) -> User:
    """A user, with a membership when there is a role; without a password, which takes long to hash."""
    user = User.objects.create_user(name, **more)
    if role:
        Membership.objects.create(tenant=tenant or a_tenant(), user=user, role=role)
    return user


def olga(**more: Any) -> User:
    """Operator of Acme."""
    return a_person("olga", Role.OPERATOR, **more)


def tom(**more: Any) -> User:
    """Approver of Acme, on Olga's team."""
    return a_person("tom", Role.APPROVER, **more)


def nina(**more: Any) -> User:
    """Admin of another tenant, who must see nothing of Acme."""
    return a_person("nina", Role.TENANT_ADMIN, tenant=a_tenant("other"), **more)


def an_asset(name: str = "web-01", *, tenant: Tenant | None = None, **more: Any) -> Asset:
    """An asset of the tenant."""
    return Asset.objects.create(tenant=tenant or a_tenant(), name=name, **{"connection": "local"} | more)


def a_switch(tenant: Tenant | None, mode: str = "hold", **more: Any) -> Switch:
    """Somebody has switched off the tenant (everything, without one) for a month."""
    defaults = {"reason": "maintenance", "turned_by": "tom", "ends_at": timezone.now() + timedelta(days=30)}
    return Switch.objects.create(tenant=tenant, mode=mode, **defaults | more)


def switches_lifted() -> None:
    """Every switch was lifted."""
    Switch.objects.filter(lifted_at=None).update(lifted_at=timezone.now())


def an_execution(user: User, *, tenant: Tenant | None = None, **more: Any) -> Execution:
    """An execution without steps, in the state asked for (queued when none is)."""
    name = more.setdefault("name", "Look at the web tier")
    status = more.setdefault("status", ExecutionStatus.QUEUED)
    plan = canonical_bytes({"version": 1, "name": name, "steps": []})
    if status in TERMINAL_EXECUTION:
        more.setdefault("finished_at", timezone.now())
    defaults = {
        "plan": plan.decode(),
        "plan_hash": plan_hash(plan),
        "approval_hash": uuid4().hex * 2,
        "idempotency_key": uuid4().hex * 2,
        "mode": "background",
        "sla": "fast",
        "action_class": "read",
        "environment": "dev",
        "policy": "fast/read",
        "step_limit_s": 5,
        "limit_s": 10,
        "lease_limit_s": 15,
        "attempt_limit": 3,
        "total_runs": 0,
        "open_runs": 0,
        "trace_id": uuid4().hex,
    }
    return Execution.objects.create(tenant=tenant or a_tenant(), requested_by=user, **defaults | more)


def a_step(execution: Execution, key: str = "look", **more: Any) -> Step:
    """The next step of the execution, a read command unless told otherwise."""
    defaults = {
        "position": execution.steps.count(),
        "name": key.replace("-", " ").title(),
        "kind": "command",
        "spec": {"id": key, "kind": "command", "with": {"argv": ["true"]}},
        "action_class": execution.action_class,
        "effect": "read",
        "remaining": 0,
    }
    return Step.objects.create(execution=execution, key=key, **defaults | more)


def a_step_run(step: Step, asset: Asset | None = None, **more: Any) -> StepRun:
    """One run of the step in the state asked for (ready when none is); the execution counts it."""
    status = more.setdefault("status", StepStatus.READY)
    now = timezone.now()
    defaults: dict[str, Any] = {"attempt": 0 if status in ("pending", "ready") else 1}
    if defaults["attempt"]:
        defaults["started_at"] = now - timedelta(seconds=3)
    if status == StepStatus.RUNNING:
        defaults |= {"lease_token": 1, "lease_expires_at": now + timedelta(seconds=30), "worker": "host:1:1"}
    if status in TERMINAL_STEP:
        defaults["finished_at"] = now
    run = StepRun.objects.create(
        tenant_id=step.execution.tenant_id,
        execution=step.execution,
        step=step,
        asset=asset,
        position=step.position,
        queue=step.execution.sla,
        attempt_limit=3,
        **defaults | more,
    )
    _count(step.execution, status)
    return run


def output(run: StepRun, *texts: str, stream: str = "stdout") -> None:
    """Stored output of the run's last attempt, one chunk for each text."""
    begin = run.chunks.filter(attempt=run.attempt).count()
    for number, text in enumerate(texts, begin + 1):
        OutputChunk.objects.create(
            step_run=run, attempt=run.attempt, sequence=number, stream=stream, text=text, raw_end=number
        )


def an_approval(execution: Execution, **more: Any) -> Approval:
    """A request for approval of the execution that is open for ten more minutes."""
    return _of(
        Approval,
        execution,
        {
            "level": execution.approval_level,
            "approval_hash": execution.approval_hash,
            "expires_at": timezone.now() + timedelta(minutes=10),
        }
        | more,
    )


def a_vote(approval: Approval, person: User, **more: Any) -> Vote:
    """The person is for it."""
    defaults = {"decision": "approved", "approval_hash": approval.approval_hash}
    return Vote.objects.create(tenant=approval.tenant, approval=approval, person=person, **defaults | more)


def an_effect(run: StepRun, **more: Any) -> EffectRecord:
    """The record of the effect of the run's last attempt, which its worker has begun."""
    defaults = {"attempt": run.attempt, "worker": "host:1:1", "token": EffectRecord.objects.count() + 1}
    return EffectRecord.objects.create(step_run=run, **defaults | more)


def a_dead_letter(run: StepRun, **more: Any) -> DeadLetter:
    """An open dead letter about the step run."""
    defaults = {"step_run": run, "category": "worker_lost", "reason": "its worker was lost", "attempts": 1}
    return _of(DeadLetter, run.execution, defaults | more)


def an_event(execution: Execution, type_: str = "execution.created", **more: Any) -> Event:
    """An event of the execution."""
    return _of(Event, execution, {"type": type_, "actor_kind": "user", "actor": "olga"} | more)


def an_audit_link(execution: Execution, seq: int = 1) -> AuditLink:
    """A link of the tenant's hash chain that seals nothing."""
    values = {
        "kind": "event",
        "row_id": -seq,
        "sealed_at": timezone.now(),
        "row_hash": b"row",
        "hash": b"link",
    }
    return AuditLink.objects.create(tenant_id=execution.tenant_id, seq=seq, **values)


def a_lease(execution: Execution, asset: Asset, **more: Any) -> Lease:
    """The execution's lease on the asset."""
    return Lease.objects.create(
        lockable_id=asset.pk,
        tenant_id=execution.tenant_id,
        execution_id=execution.pk,
        **{"token": 7, "expires_at": timezone.now() + timedelta(seconds=30)} | more,
    )


def a_place_in_line(execution: Execution, asset: Asset, place: int = 1, **more: Any) -> LinePlace:
    """The execution waits for the asset."""
    Lockable.objects.get_or_create(id=asset.pk, tenant_id=execution.tenant_id)
    return LinePlace.objects.create(
        lockable_id=asset.pk,
        tenant_id=execution.tenant_id,
        execution_id=execution.pk,
        actor_id=execution.requested_by_id,
        **{"mode": "exclusive", "place": place} | more,
    )


def a_reservation(asset: Asset, person: User, **more: Any) -> Reservation:
    """The person keeps the asset for an hour."""
    values = {"reason": "firmware", "ends_at": timezone.now() + timedelta(hours=1)} | more
    return Reservation.objects.create(tenant=asset.tenant, asset_id=asset.pk, person=person, **values)


def a_resource(name: str = "pool", capacity: int = 1, *, tenant: Tenant | None = None) -> Resource:
    """A named resource of the tenant."""
    return Resource.objects.create(tenant=tenant or a_tenant(), name=name, capacity=capacity)


def _of(model: type[Any], execution: Execution, values: dict[str, Any]) -> Any:
    made: Model = model.objects.create(tenant_id=execution.tenant_id, execution=execution, **values)
    made.refresh_from_db()
    return made


def _count(execution: Execution, status: str) -> None:
    execution.total_runs += 1
    if counter := _COUNTER.get(StepStatus(status)):
        setattr(execution, counter, getattr(execution, counter) + 1)
    if status not in TERMINAL_STEP:
        execution.open_runs += 1
    fields = [field for field in _COUNTER.values() if getattr(execution, field)]
    execution.save(update_fields=["total_runs", "open_runs", *fields])


def a_token(user: User, *, tenant: Tenant | None = None, **more: Any) -> tuple[ApiToken, str]:
    """A good token of the person, for everything that a token can be for, and its value."""
    made = values.make()
    defaults = {
        "name": f"token {made.prefix}",
        "scopes": Scope.values,
        "created_by": user,
        "expires_at": timezone.now() + timedelta(days=30),
    }
    kept = {"prefix": made.prefix, "digest": made.digest, "tenant": tenant or a_tenant()}
    return ApiToken.objects.create(user=user, **kept, **defaults | more), made.value


def a_service_account(owner: User, role: Role | str = "", name: str = "robot", **more: Any) -> ServiceAccount:
    """The account of a program of Acme, with a membership when there is a role."""
    user = a_person(name, role)
    return ServiceAccount.objects.create(
        user=user, owner=owner, **{"tenant": a_tenant(), "purpose": "deploys"} | more
    )
