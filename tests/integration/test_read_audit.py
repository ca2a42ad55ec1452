"""Decisions about others, evidence and sign-in addresses are for those who may read the audit, at every door."""

from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.models import Execution
from safety.choices import Role
from safety.models import AccessDecision, Membership
from tests import factories
from tests.commands import manage
from tests.integration.test_admin_actions import staff
from tests.world import World

READERS = (Role.AUDITOR, Role.TENANT_ADMIN)
ADMIN = "/admin/safety/accessdecision/"
ADDRESS = "192.0.2.77"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def decided(tenant_id: int, user: User, reason: str, execution: Execution | None = None) -> AccessDecision:
    return AccessDecision.objects.create(
        tenant_id=tenant_id,
        actor_id=user.pk,
        execution_id=execution and execution.pk,
        question="run:modify",
        environment="dev",
        allowed=False,
        reason=reason,
    )


def exports(user: User, run: Execution) -> int:
    answer = signed_in(user).get(f"/executions/{run.pk}/evidence.jsonl")
    answer.close()
    return answer.status_code


@pytest.fixture
def run(world: World) -> Execution:
    """A run of Olga's that Tom approved, with a refusal of each."""
    found = factories.an_execution(world.olga, approval_level=2)
    more = {"status": "approved", "decided_by": world.tom, "decided_at": found.created_at, "address": ADDRESS}
    factories.an_approval(found, **more)
    decided(world.acme.pk, world.olga, "of olga", found)
    decided(world.acme.pk, world.tom, "of tom", found)
    return found


@pytest.mark.parametrize("role", Role.values)
def test_each_door_opens_to_the_roles_of_the_table(
    world: World, run: Execution, tmp_path: Path, role: str
) -> None:
    paula = factories.a_person("paula", role, tenant=world.acme)
    reads = role in READERS
    page = signed_in(paula).get(f"/executions/{run.pk}/").content.decode()
    evidence = exports(paula, run)
    command = manage("evidence", run.pk, "--out", tmp_path / "x", "--as", "paula")
    listed = staff(paula).get(ADMIN)
    approval = staff(paula).get(f"/admin/executions/approval/{run.approval.pk}/change/").content.decode()
    assert [word in page for word in ("of olga", "of tom", "evidence.jsonl", ADDRESS)] == [reads] * 4
    assert (evidence, command.code, listed.status_code) == ((200, 0, 200) if reads else (403, 2, 403))
    assert (ADDRESS in approval) is reads
    assert (tmp_path / "x").exists() is reads


def test_everybody_sees_the_decisions_about_themselves(world: World, run: Execution) -> None:
    page = signed_in(world.olga).get(f"/executions/{run.pk}/").content.decode()
    assert ("of olga" in page, "of tom" in page, "Only those about you." in page) == (True, False, True)


def test_a_refused_export_says_why_and_is_on_record(world: World, run: Execution) -> None:
    refused = unescape(signed_in(world.tom).get(f"/executions/{run.pk}/evidence.jsonl").content.decode())
    assert (
        "Evidence is for those who may read the audit. Why: the role approver does not allow it." in refused
    )
    assert f"/why/?person=tom&question=read_audit&tenant=acme&execution={run.pk}" in refused
    assert AccessDecision.objects.filter(question="safety.read_audit", actor_id=world.tom.pk).exists()


def test_who_reads_the_audit_of_one_tenant_reads_no_other(world: World) -> None:
    ada = factories.a_person("ada", Role.AUDITOR, tenant=world.acme)
    Membership.objects.create(tenant=world.other, user=ada, role=Role.VIEWER)
    mine, foreign = decided(world.acme.pk, world.olga, "mine"), decided(world.other.pk, world.nina, "foreign")
    client = staff(ada)
    page = client.get(ADMIN).content.decode()
    assert ("mine" in page, "foreign" in page) == (True, False)
    assert client.get(f"{ADMIN}{mine.pk}/change/").status_code == 200
    assert client.get(f"{ADMIN}{foreign.pk}/change/").status_code == 302  # as if there were none
    assert "foreign" in staff(User.objects.create_superuser("root")).get(ADMIN).content.decode()


def test_limits_of_a_membership_do_not_limit_what_is_read(world: World, run: Execution) -> None:
    ada = factories.a_person("ada", Role.AUDITOR, tenant=world.acme)
    Membership.objects.filter(user=ada).update(environments=["staging"], action_classes=["read"])
    assert exports(ada, run) == 200
