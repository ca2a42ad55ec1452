"""What a role allows is data: superusers write it, the database keeps it whole, and everybody asks it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from executions.models import Event
from safety import rbac
from safety.choices import Role
from safety.models import Membership, TenantRole
from safety.models.role import PERMISSIONS
from tests.integration.test_admin_memberships import grant, signed_in
from tests.world import World

SEE = "executions.view_execution"


@pytest.fixture(autouse=True)
def roles_as_they_were(live_db: None) -> Iterator[None]:
    """What a test does to the roles is gone after it."""
    before = list(TenantRole.objects.values("name", "permissions"))
    yield
    Membership.objects.exclude(role__in=[one["name"] for one in before]).delete()
    TenantRole.objects.filter(is_built_in=False).delete()
    for one in before:
        TenantRole.objects.filter(name=one["name"]).update(permissions=one["permissions"])


@pytest.fixture
def root(live_db: None) -> Client:
    return signed_in(User.objects.create_superuser("root"))


def a_role(name: str, *permissions: str) -> TenantRole:
    return TenantRole.objects.create(name=name, permissions=[SEE, *permissions])


def may_deploy(world: World) -> bool:
    wants = rbac.to_run([("prod", "deploy")])
    return rbac.look(rbac.Question(tenant_id=world.acme.pk, actor_id=world.olga.pk, wants=wants)).allowed


def save(client: Client, role: str, **given: Any) -> Any:
    data = {"note": "", "permissions": []} | given
    return client.post(reverse("admin:safety_tenantrole_change", args=[role]), data)


def test_what_a_superuser_gives_a_role_counts_at_once_and_is_on_record(world: World, root: Client) -> None:
    Membership.objects.filter(user=world.olga).update(role=Role.VIEWER)
    assert not may_deploy(world)
    answer = save(root, "viewer", permissions=["run:deploy", "executions.retry_execution"])
    assert answer.status_code == 302
    assert may_deploy(world)
    assert world.olga.has_perm("executions.retry_execution", world.acme)
    event = Event.objects.get(type="rbac.role_changed")
    assert (event.tenant, event.actor, event.data["role"]) == (world.acme, "root", "viewer")
    assert save(root, "viewer").status_code == 302
    assert not may_deploy(world)
    assert event.data["permissions"] == f"{SEE}, executions.retry_execution, run:deploy"


def test_a_role_of_ones_own_is_made_given_and_removed_when_nobody_has_it(world: World, root: Client) -> None:
    made = {"name": "deploy_only", "permissions": ["run:deploy"], "note": "for release days"}
    assert root.post(reverse("admin:safety_tenantrole_add"), made).status_code == 302
    Membership.objects.filter(user=world.olga).delete()
    assert not grant(root, role="deploy_only")
    assert may_deploy(world)
    assert not world.olga.has_perm("executions.cancel_execution", world.acme)
    remove = reverse("admin:safety_tenantrole_delete", args=["deploy_only"])
    assert root.post(remove, {"post": "yes"}).status_code == 403
    Membership.objects.filter(user=world.olga).delete()
    assert root.post(remove, {"post": "yes"}).status_code == 302
    assert not TenantRole.objects.filter(name="deploy_only").exists()


def test_a_built_in_role_is_neither_emptied_nor_removed(root: Client) -> None:
    assert "not emptied" in save(root, "operator").content.decode()
    remove = reverse("admin:safety_tenantrole_delete", args=["operator"])
    assert root.post(remove, {"post": "yes"}).status_code == 403
    operator = TenantRole.objects.filter(name="operator")
    for attempt in (
        operator.delete,
        lambda: operator.update(permissions=[SEE]),
        lambda: operator.update(is_built_in=False),
        lambda: operator.update(permissions=["run:read", "run:deploy"]),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            attempt()
    assert "run:deploy" in operator.get().permissions


def test_the_database_knows_the_role_of_every_membership(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(user=world.olga).update(role="wizard")
    a_role("wizard")
    Membership.objects.filter(user=world.olga).update(role="wizard")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM opsc_role WHERE name = 'wizard'")


def test_a_tenant_admin_reads_roles_and_writes_none(world: World) -> None:
    nina = world.nina
    User.objects.filter(pk=nina.pk).update(is_staff=True)
    client = signed_in(nina)
    assert client.get(reverse("admin:safety_tenantrole_changelist")).status_code == 200
    assert save(client, "viewer", permissions=["run:deploy"]).status_code == 403
    assert client.get(reverse("admin:safety_tenantrole_add")).status_code == 403


def test_nobody_gives_a_role_that_holds_more_than_they_do(world: World) -> None:
    a_role("keeper", "safety.administer_tenant", "executions.cancel_execution")
    a_role("canceller", "executions.cancel_execution")
    boss = User.objects.create_user("boss", is_staff=True)
    Membership.objects.create(tenant=world.acme, user=boss, role="keeper")
    Membership.objects.filter(user=world.olga).delete()
    client = signed_in(boss)
    for role in ("operator", "tenant_admin", "approver", "auditor"):
        assert "You cannot grant what you lack, " in grant(client, role=role)
    for role in ("viewer", "canceller", "keeper"):
        assert not grant(client, role=role)
    Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.OPERATOR)
    wide = Membership.objects.get(user=world.olga, role=Role.OPERATOR)
    taken = client.post(reverse("admin:safety_membership_delete", args=[wide.pk]), {"post": "yes"})
    assert taken.status_code == 403


def test_what_one_holds_for_a_while_is_not_given_for_longer(world: World) -> None:
    a_role("keeper", "safety.administer_tenant")
    boss = User.objects.create_user("boss", is_staff=True)
    Membership.objects.create(tenant=world.acme, user=boss, role="keeper")
    Membership.objects.create(
        tenant=world.acme, user=boss, role=Role.OPERATOR, ends_at="2099-01-01T00:00:00Z"
    )
    Membership.objects.filter(user=world.olga).delete()
    client = signed_in(boss)
    assert "Your own right to give it ends before that" in grant(client, role="operator")
    assert not grant(client, role="operator", ends_at_0="2098-01-01", ends_at_1="00:00:00")


def test_an_auditor_sees_all_and_changes_nothing(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(role=Role.AUDITOR)
    held = {name for name, _ in PERMISSIONS if world.olga.has_perm(name, world.acme)}
    assert held == {SEE, "safety.explain_access", "safety.read_audit"}
    assert not may_deploy(world)
