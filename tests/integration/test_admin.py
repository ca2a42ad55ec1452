"""The admin shows each person their tenants, lets nobody rewrite history, and costs the same with many rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from executions.models import ApprovalLink, Asset, Execution, StepGate, Worker
from safety.administration import REACHABLE_ROWS, BoundedPaginator
from safety.choices import Role
from safety.models import (
    AccessDecision,
    ApprovalPolicy,
    Delegation,
    GroupMember,
    Lease,
    Limit,
    Lockable,
    MaskingRule,
    Membership,
    Resource,
    Rollout,
    SecretStore,
    Tenant,
    TenantRole,
    TimeoutPolicy,
)
from safety.tokens.models import ServiceAccount
from tests import factories

pytestmark = pytest.mark.usefixtures("live_db")

OURS = [
    model for label in ("executions", "safety", "tokens") for model in apps.get_app_config(label).get_models()
]
EDITABLE = {
    Limit,
    Tenant,
    Membership,
    Asset,
    ApprovalPolicy,
    GroupMember,
    TimeoutPolicy,
    Resource,
    MaskingRule,
    SecretStore,
    TenantRole,
    ServiceAccount,
}
# Rows that belong to no tenant.
SHARED = {Worker, ApprovalPolicy, TenantRole, TimeoutPolicy}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_bit_of_everything(number: int = 0) -> Execution:
    """One row in every table, all of them Acme's."""
    user = User.objects.filter(username="olga").first() or factories.olga()
    asset = factories.an_asset(f"host-of-acme-{number}")
    execution = factories.an_execution(user, name="Run of Acme", status="running", approval_level=2)
    step = factories.a_step(execution, "step-of-acme")
    run = factories.a_step_run(step, asset, status="interrupted", attempt=1)
    factories.output(run, "output of acme")
    factories.an_effect(run)
    factories.an_event(execution, step_run=run)
    approval = factories.an_approval(execution)
    factories.a_vote(approval, user)
    tomorrow = timezone.now() + timedelta(days=1)
    StepGate.objects.create(tenant=execution.tenant, execution=execution, step=step, expires_at=tomorrow)
    ApprovalLink.objects.create(tenant=execution.tenant, approval=approval, person=user)
    GroupMember.objects.create(tenant=execution.tenant, group=f"group-{number}", user=user)
    deputy = factories.a_person(f"deputy-{number}")
    Delegation.objects.create(
        tenant=execution.tenant, giver=user, deputy=deputy, ends_at=tomorrow, reason="on leave"
    )
    factories.a_dead_letter(run)
    factories.a_lease(execution, asset)
    factories.a_place_in_line(execution, asset)
    factories.a_reservation(asset, user)
    factories.a_resource(f"pool-{number}")
    Limit.objects.get_or_create(tenant=execution.tenant, kind="running", defaults={"most": 1000})
    Rollout.objects.get_or_create(tenant=execution.tenant, defaults={"phase": "full", "reason": "x"})
    factories.a_switch(execution.tenant, lifted_at=timezone.now())
    MaskingRule.objects.create(tenant=execution.tenant, kind="badge", pattern=r"badge: (\S+)")
    Worker.objects.create(name=f"host:{number}:1", version="1")
    AccessDecision.objects.create(
        tenant_id=execution.tenant_id, actor_id=user.pk, question="run:read", allowed=True, reason=""
    )
    factories.an_audit_link(execution, number + 1)
    robot = factories.a_service_account(user, name=f"robot-{number}")
    factories.a_token(robot.user, created_by=user)
    SecretStore.objects.create(
        tenant_id=execution.tenant_id, name=f"store{number}", kind="file", settings={}, prefixes=["x"]
    )
    return execution


def address(model: Any, page: str = "changelist", *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def shown(client: Client, model: Any) -> int:
    answer = client.get(address(model))
    assert answer.status_code == 200
    return len(answer.context["cl"].result_list)


def test_every_table_is_in_the_admin() -> None:
    assert {model for model in OURS if not admin.site.is_registered(model)} == set()


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_person_of_another_tenant_sees_no_row_and_no_page_of_one(model: Any) -> None:
    a_bit_of_everything()
    ours = Membership.objects.get(user__username="olga") if model is Membership else None
    row = ours or (
        Tenant.objects.get(slug="acme") if model is Tenant else model.objects.order_by("-pk").first()
    )
    nina = signed_in(factories.nina(is_staff=True))
    everybodys = {ApprovalPolicy: 9, TenantRole: 6, TimeoutPolicy: 9}
    expected = ({Membership: 1, Tenant: 1, Worker: 1} | everybodys).get(model, 0)
    assert shown(nina, model) == expected
    if model not in SHARED:
        assert nina.get(address(model, "change", row.pk)).status_code == 302  # back to the index: not there
    tom = signed_in(factories.a_person("tom", Role.AUDITOR, is_staff=True))
    assert shown(tom, model) == ({Membership: 2, Lockable: 2} | everybodys).get(model, 1)
    assert tom.get(address(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize(
    "model", [model for model in OURS if model not in EDITABLE], ids=lambda m: m.__name__
)
def test_history_can_be_neither_added_nor_changed_nor_removed(model: Any) -> None:
    a_bit_of_everything()
    root = signed_in(User.objects.create_superuser("root"))
    row = model.objects.order_by("-pk").first()
    assert root.get(address(model, "add")).status_code == 403
    assert root.post(address(model, "change", row.pk), {}).status_code == 403
    assert root.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    page = root.get(address(model)).content.decode()
    assert 'value="delete_selected"' not in page
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_the_number_of_queries_does_not_grow_with_the_rows(model: Any) -> None:
    a_bit_of_everything()
    root = signed_in(User.objects.create_superuser("root"))

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            root.get(address(model))
        return len(seen)

    queries()
    few = queries()
    for number in range(1, 6):
        a_bit_of_everything(number)
    assert queries() == few


def test_a_tenant_filter_offers_only_ones_own_tenants() -> None:
    a_bit_of_everything()
    nina = signed_in(factories.nina(is_staff=True))
    page = nina.get(address(Execution)).content.decode()
    assert "Acme" not in page
    answer = nina.get(address(Execution), {"of_tenant": str(Tenant.objects.get(slug="acme").pk)})
    assert len(answer.context["cl"].result_list) == 0


def test_a_search_by_id_finds_the_rows_of_an_execution() -> None:
    execution = a_bit_of_everything()
    a_bit_of_everything(1)
    tom = signed_in(factories.tom(is_staff=True))
    for name in ("Execution", "StepRun", "Event", "OutputChunk", "Step", "Approval", "DeadLetter"):
        model = apps.get_model("executions", name)
        answer = tom.get(address(model), {"q": str(execution.pk)})
        assert len(answer.context["cl"].result_list) == 1, name
    assert len(tom.get(address(Lease), {"q": "x' --"}).context["cl"].result_list) == 0


def test_people_who_are_not_staff_do_not_get_in() -> None:
    answer = signed_in(factories.olga()).get(address(Execution))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_staff_without_a_role_sees_nothing() -> None:
    a_bit_of_everything()
    assert signed_in(factories.a_person("stan", is_staff=True)).get(address(Execution)).status_code == 403


def test_counting_stops_where_paging_stops() -> None:
    with CaptureQueriesContext(connection) as seen:
        assert BoundedPaginator(Execution.objects.order_by("-created_at"), 50).count == 0
    assert f"LIMIT {REACHABLE_ROWS}" in seen.captured_queries[0]["sql"]


def test_a_tenant_admin_edits_their_own_inventory_and_no_other() -> None:
    acme_asset = factories.an_asset("web-01")
    user = factories.nina(is_staff=True)
    nina = signed_in(user)
    data = {"name": "db-01", "environment": "dev", "connection": "ssh", "port": 22, "credentials": "{}"}
    other = Tenant.objects.get(slug="other")
    assert nina.post(address(Asset, "add"), data | {"tenant": acme_asset.tenant_id}).status_code == 200
    assert Asset.objects.count() == 1
    assert nina.post(address(Asset, "add"), data | {"tenant": other.pk}).status_code == 302
    assert Asset.objects.get(name="db-01").tenant == other
    assert nina.post(address(Asset, "change", acme_asset.pk), data | {"tenant": other.pk}).status_code == 302
    acme_asset.refresh_from_db()
    assert acme_asset.name == "web-01"
    assert signed_in(factories.olga(is_staff=True)).get(address(Asset, "add")).status_code == 403


def test_only_a_superuser_lets_steps_run_with_the_account_of_the_workers() -> None:
    nina, root = factories.nina(is_staff=True), User.objects.create_superuser("root")
    tenant = Tenant.objects.get(slug="other")
    data = {"name": "here", "environment": "dev", "connection": "local", "port": 22, "credentials": "{}"}
    assert signed_in(nina).post(address(Asset, "add"), data | {"tenant": tenant.pk}).status_code == 200
    assert not Asset.objects.exists()
    assert signed_in(root).post(address(Asset, "add"), data | {"tenant": tenant.pk}).status_code == 302


def test_a_tenant_admin_gives_roles_by_exact_name_in_their_own_tenant_only() -> None:
    factories.olga()
    nina = signed_in(factories.nina(is_staff=True))
    acme, other = Tenant.objects.get(slug="acme"), Tenant.objects.get(slug="other")
    page = nina.get(address(Membership, "add")).content.decode()
    assert "olga" not in page
    assert "Acme" not in page
    data = {"user": "olga", "role": "viewer", "ends_at_0": "", "ends_at_1": ""}
    assert nina.post(address(Membership, "add"), data | {"tenant": acme.pk}).status_code == 200
    answer = nina.post(address(Membership, "add"), data | {"tenant": other.pk, "user": "nobody"})
    assert "There is no person with this user name." in answer.content.decode()
    assert nina.post(address(Membership, "add"), data | {"tenant": other.pk}).status_code == 302
    assert Membership.objects.get(tenant=other, user__username="olga").role == "viewer"


def test_only_a_superuser_edits_the_timeout_policies() -> None:
    policy = TimeoutPolicy.objects.get(sla="fast", action_class="read")
    data = {"step_s": 6, "execution_s": 12, "lease_s": 15, "approval_s": 300, "attempts": 3}
    nina = signed_in(factories.nina(is_staff=True))
    assert nina.post(address(TimeoutPolicy, "change", policy.pk), data).status_code == 403
    root = signed_in(User.objects.create_superuser("root"))
    assert root.post(address(TimeoutPolicy, "change", policy.pk), data).status_code == 302
    policy.refresh_from_db()
    assert policy.step_s == 6
    TimeoutPolicy.objects.filter(pk=policy.pk).update(step_s=5, execution_s=10)


def test_a_tenant_admin_sets_the_idempotency_window_of_their_own_tenant_within_limits() -> None:
    factories.olga()
    nina = signed_in(factories.nina(is_staff=True))
    other, acme = Tenant.objects.get(slug="other"), Tenant.objects.get(slug="acme")
    data = {"name": "Other", "idempotency_window_s": 600}
    assert nina.post(address(Tenant, "change", other.pk), data).status_code == 302
    too_long = nina.post(address(Tenant, "change", other.pk), data | {"idempotency_window_s": 31_536_001})
    assert "less than or equal to 31536000" in too_long.content.decode()
    assert nina.post(address(Tenant, "change", acme.pk), data).status_code in (302, 403, 404)
    windows = dict(Tenant.objects.values_list("slug", "idempotency_window_s"))
    assert windows == {"other": 600, "acme": None}
    assert (
        signed_in(factories.tom(is_staff=True)).post(address(Tenant, "change", acme.pk), data).status_code
        == 403
    )
