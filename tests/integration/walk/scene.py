"""Two tenants that look alike, each with a row in every table, and the people who walk."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from executions.models import Approval, Execution
from executions.plans import canonical_bytes, plan_hash
from safety.choices import Role
from safety.models import AccessDecision, ApprovalPolicy, Delegation, Membership, Tenant, TimeoutPolicy
from safety.signin.models import (
    ExternalIdentity,
    RecoveryCode,
    SecondFactor,
    SessionsEnd,
    SignInCount,
    SignInRecord,
)
from tests import factories
from tests.integration.test_admin import a_bit_of_everything
from tests.integration.walk import planting
from tests.integration.walk.planting import mark
from tests.leaks.walking import Filled, filled

ADD_A_ROW = "tests/integration/test_admin.py::a_bit_of_everything makes no row of {}: add one of tenant acme"

TIGHT = {"step_s": 60, "execution_s": 60, "lease_s": 60, "approval_s": 60, "attempts": 1}
OWN_ROWS = {"admin:safety_approvalpolicy": ApprovalPolicy, "admin:safety_timeoutpolicy": TimeoutPolicy}


@dataclass
class Scene:
    """A is acme, where Vera may look; B is acm, where Nina holds every role. Root is the platform's."""

    a: Tenant
    b: Tenant
    nina: User
    vera: User
    root: User
    olga: User
    run_of_b: Execution
    rows_of_a: dict[str, list[Any]]
    addresses: list[Filled]
    ids: dict[str, Any] = field(default_factory=dict)


def make() -> Scene:
    """Build it in an empty database."""
    execution = _tenant_a()
    rows = planting.keys_of_all()
    missing = sorted(set(rows) - planting.PLATFORM - {table for table, keys in rows.items() if keys})
    assert not missing, ADD_A_ROW.format(", ".join(missing))
    planting.plant(rows, ours=True)
    _shaped(Execution.objects.get(pk=execution.pk), mark("opsc_execution.plan"))
    addresses = [_of_a(one) for one in filled(wholly=True)]
    a = Tenant.objects.get(slug="acme")
    vera = factories.a_person("vera", Role.VIEWER, tenant=a, is_staff=True)
    olga = execution.requested_by
    olga.refresh_from_db()
    b, nina, run = _tenant_b(rows)
    root = User.objects.create_superuser("root")
    return Scene(a, b, nina, vera, root, olga, run, rows, addresses)


def _of_a(place: Filled) -> Filled:
    """Of tables that hold the platform's rows, too, a row of A."""
    model: Any = OWN_ROWS.get(place.name.rpartition("_")[0])
    if model is None or "object_id" not in place.arguments:
        return place
    arguments = {"object_id": model.objects.get(tenant__slug="acme").pk}
    return Filled(place.name, arguments, reverse(place.name, kwargs=arguments), place.is_first)


def _tenant_a() -> Execution:
    execution = a_bit_of_everything()
    olga, tenant = execution.requested_by, execution.tenant
    run = execution.step_runs.get()
    said = {name: mark(f"opsc_event.{name}") for name in ("actor", "data")}
    factories.an_event(
        execution, "step.interrupted", step_run=run, actor=said["actor"], data={"detail": said["data"]}
    )
    AccessDecision.objects.create(
        tenant_id=tenant.pk,
        actor_id=olga.pk,
        execution_id=execution.pk,
        question="run:read",
        allowed=False,
        reason=mark("opsc_access_decision.reason"),
    )
    factories.an_execution(olga, status="succeeded")  # can be retried
    given = {"status": "approved", "decided_by": olga, "decided_at": timezone.now()}
    Approval.objects.filter(execution=execution).update(**given)
    waiting = factories.an_execution(olga, status="pending_approval", approval_level=2)
    factories.an_approval(waiting)
    factories.a_switch(tenant)
    ApprovalPolicy.objects.create(tenant=tenant, environment="dev", action_class="read", level=1)
    TimeoutPolicy.objects.create(tenant=tenant, sla="long", action_class="deploy", **TIGHT)
    Membership.objects.filter(user=olga).update(reason="x", granted_by=olga)
    SignInRecord.objects.create(user_id=olga.pk, name="olga", what="signed_in", by_id=olga.pk)
    SignInCount.objects.create(kind="account", user_id=olga.pk, account="x", tries=3, ends_at=_in_an_hour())
    SessionsEnd.objects.create(user=olga, at=timezone.now() - timedelta(days=1))
    SecondFactor.objects.create(user=olga, sealed="x", last_step=1)
    RecoveryCode.objects.create(user=olga, digest="0" * 64)
    Group.objects.get_or_create(name="a group")
    ExternalIdentity.objects.create(user=olga, issuer="https://sso.test", subject="1")
    return execution


def _in_an_hour() -> Any:
    return timezone.now() + timedelta(hours=1)


def _shaped(execution: Execution, text: str) -> None:
    """A plan is a document, whose hash is kept."""
    plan = canonical_bytes({"version": 1, "name": text, "steps": []})
    Execution.objects.filter(pk=execution.pk).update(plan=plan.decode(), plan_hash=plan_hash(plan))


def _tenant_b(rows_of_a: dict[str, list[Any]]) -> tuple[Tenant, User, Execution]:
    tenant = Tenant.objects.create(slug="acm", name="Acm")
    nina = factories.a_person("nina", is_staff=True)
    for role in Role.values:
        Membership.objects.create(tenant=tenant, user=nina, role=role)
    asset = factories.an_asset("host", tenant=tenant, connection="ssh")
    run = factories.an_execution(nina, tenant=tenant, status="needs_attention", approval_level=2)
    step = factories.a_step(run, "look")
    step_run = factories.a_step_run(step, asset, status="interrupted", attempt=1)
    factories.output(step_run, "said")
    factories.an_event(run, step_run=step_run)
    factories.a_dead_letter(step_run)
    given = {"status": "approved", "decided_by": nina, "decided_at": timezone.now()}
    factories.an_approval(run, **given)
    factories.an_execution(nina, tenant=tenant, status="succeeded")
    factories.a_switch(tenant)
    factories.a_resource("pool", tenant=tenant)
    factories.a_token(nina, tenant=tenant)
    more = {"ends_at": _in_an_hour(), "reason": "on leave"}
    Delegation.objects.create(tenant=tenant, giver=nina, deputy=factories.a_person("nils"), **more)
    now = planting.keys_of_all()
    mine = {
        table: [key for key in keys if key not in rows_of_a.get(table, [])] for table, keys in now.items()
    }
    mine["auth_user"] = []
    planting.plant(mine, ours=False)
    run.refresh_from_db()
    return tenant, nina, run


def ids_of(scene: Scene) -> set[str]:
    """The UUIDs of A's rows, as text."""
    return {str(key) for keys in scene.rows_of_a.values() for key in keys if isinstance(key, UUID)}


def elsewhere(place: Filled) -> Filled:
    """The same address with ids that nothing has."""
    arguments = {name: _nothing(value) for name, value in place.arguments.items()}
    return Filled(place.name, arguments, reverse(place.name, kwargs=arguments), place.is_first)


def _nothing(value: object) -> object:
    if isinstance(value, UUID):
        return uuid4()
    return value + 10**6 if isinstance(value, int) else f"{value}-9"
