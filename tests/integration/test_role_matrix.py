"""Every cell of role, permission, environment and action class, asked at each door: the answer is that of the table."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from executions.models import Execution
from safety import rbac
from safety.choices import ActionClass, Environment, Role
from safety.models import AccessDecision, Membership, TenantRole
from safety.models.role import PERMISSIONS
from tests import factories
from tests.commands import manage, plan_file
from tests.integration.test_admin_memberships import signed_in
from tests.unit.test_docs import rows
from tests.world import World, script

ROLES = [str(role) for role in Role]
PAIRS = list(product(Environment.values, ActionClass.values))
LIMITS: dict[str, dict[str, list[str]]] = {
    "no limit": {},
    "dev only": {"environments": ["dev"]},
    "reads only": {"action_classes": ["read"]},
    "modify in staging and prod": {"environments": ["prod", "staging"], "action_classes": ["modify"]},
}
TABLE = {
    row[0]: {role for role, cell in zip(ROLES, row[1:], strict=True) if cell == "yes"}
    for row in rows(settings.BASE_DIR / "docs/roles.md", "question")
}


def the_only_membership(world: World, role: str, **limits: list[str]) -> User:
    """Paula has this role in Acme, and one without limits in the other tenant, which must not count."""
    paula = User.objects.get_or_create(username="paula")[0]
    paula.memberships.all().delete()
    Membership.objects.create(tenant=world.acme, user=paula, role=role, **limits)
    Membership.objects.create(tenant=world.other, user=paula, role=Role.TENANT_ADMIN)
    return paula


def expected(question: str, role: str, pair: tuple[str, str], limits: dict[str, list[str]]) -> bool:
    environment, action = pair
    here = environment in limits.get("environments", Environment.values)
    so = action in limits.get("action_classes", ActionClass.values)
    return role in TABLE[question] and (question in rbac.WITHOUT_LIMITS or (here and so))


def test_the_page_shows_what_the_table_holds(world: World) -> None:
    held = dict(TenantRole.objects.values_list("name", "permissions"))
    assert list(TABLE) == [name for name, _ in PERMISSIONS]
    assert {name: {role for role in ROLES if name in held[role]} for name in TABLE} == TABLE
    assert set(held) == set(ROLES)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("role", ROLES)
def test_the_worker_and_the_permission_framework_answer_as_the_table(
    world: World, role: str, limit: str
) -> None:
    paula = the_only_membership(world, role, **LIMITS[limit])
    for question, pair in product(TABLE, PAIRS):
        wanted = expected(question, role, pair, LIMITS[limit])
        runs = question.startswith(rbac.RUN)
        if runs and question != f"{rbac.RUN}{pair[1]}":
            continue  # a step of one class is never asked about at another
        wants = rbac.to_run([pair]) if runs else rbac.to_hold(question, [pair])
        answer = rbac.decide(rbac.Question(tenant_id=world.acme.pk, actor_id=paula.pk, wants=wants))
        assert answer.allowed is wanted, (question, pair, answer)
        written = AccessDecision.objects.latest("pk")
        assert (written.question, written.allowed, bool(written.reason)) == (question, wanted, not wanted)
        if not runs:
            about = Execution(tenant=world.acme, touches=[":".join(pair)])
            assert paula.has_perm(question, about) is wanted, (question, pair)


def cancels(world: World, paula: User, environment: str) -> int:
    run = factories.an_execution(world.olga, environment=environment, touches=[f"{environment}:modify"])
    return signed_in(paula).post(f"/executions/{run.pk}/cancel/", {"reason": "x"}).status_code


def retries(world: World, paula: User, environment: str) -> int:
    run = factories.an_execution(
        world.olga, environment=environment, touches=[f"{environment}:modify"], status="failed"
    )
    return signed_in(paula).post(f"/executions/{run.pk}/retry/", {}).status_code


def rejects(world: World, paula: User, environment: str) -> int:
    touched = {"environment": environment, "touches": [f"{environment}:modify"], "approval_level": 2}
    run = factories.an_execution(world.olga, status="pending_approval", **touched)
    factories.an_approval(run)
    return signed_in(paula).post(f"/executions/{run.pk}/reject/", {"comment": "no"}).status_code


def reserves(world: World, paula: User, environment: str) -> int:
    asset = world.here(f"for-{environment}", environment=environment)
    form = {"minutes": "5", "reason": "firmware"}
    return signed_in(paula).post(f"/assets/{asset.pk}/reserve/", form).status_code


PAGES: dict[str, Callable[[World, User, str], int]] = {
    "executions.cancel_execution": cancels,
    "executions.retry_execution": retries,
    "executions.approve_execution": rejects,
    "safety.reserve_asset": reserves,
}


@pytest.mark.parametrize("question", PAGES)
@pytest.mark.parametrize("role", ROLES)
def test_the_pages_answer_as_the_table(world: World, role: str, question: str) -> None:
    paula = the_only_membership(world, role, environments=["dev"])
    for environment in Environment.values:
        wanted = expected(question, role, (environment, "modify"), {"environments": ["dev"]})
        code = PAGES[question](world, paula, environment)
        assert (code != 403) is wanted, (environment, code)
        refused = AccessDecision.objects.filter(actor_id=paula.pk, allowed=False, environment=environment)
        assert refused.filter(question=question).exists() is not wanted


@pytest.mark.parametrize("action", ActionClass.values)
@pytest.mark.parametrize("role", ROLES)
def test_the_command_that_submits_answers_as_the_table(
    world: World, tmp_path: Path, role: str, action: str
) -> None:
    the_only_membership(world, role, environments=["dev"])
    for environment in Environment.values:
        world.here(f"for-{environment}", environment=environment)
        plan = plan_file(tmp_path, script("true", action_class=action), targets=[f"for-{environment}"])
        answer = manage("submit", plan, "--as", "paula", "--tenant", "acme", "--yes")
        wanted = expected(f"run:{action}", role, (environment, action), {"environments": ["dev"]})
        assert (answer.code == 0) is wanted, answer
        assert Execution.objects.filter(environment=environment).exists() is wanted
