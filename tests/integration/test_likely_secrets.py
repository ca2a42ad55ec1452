"""A plan that carries what looks like a secret is refused; a tenant admin may say that it is none, on record."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from executions import control
from executions.models import Event, Execution
from executions.plans.without_secrets import REMOVED
from safety.choices import Role
from safety.models import AccessDecision, Membership
from tests.commands import manage
from tests.world import World, script, status_of, work_until_over

KEY = "sk7Qw2Xz9Rt4Lm8Vb3Nc6Hj1Pd5"


def a_plan(text: str = f"curl -H 'X-Key: {KEY}' https://x.example/") -> dict[str, Any]:
    return {
        "version": 1,
        "name": "with a key",
        "mode": "background",
        "targets": ["here"],
        "steps": [script(text)],
    }


def everything() -> str:
    """All that the database holds, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f'SELECT t::text FROM "{table}" t' for table in tables))
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.fixture
def admin(world: World) -> Any:
    """Olga as tenant admin."""
    world.here()
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    return world.olga


def client_of(user: Any) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def form_of(world: World, **more: str) -> dict[str, Any]:
    return {"tenant": world.acme.pk, "plan": json.dumps(a_plan())} | more


def test_the_page_refuses_it_by_place_and_keeps_and_repeats_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.here()
    answer = client_of(world.olga).post("/executions/new/preview/", form_of(world))
    page = answer.content.decode()

    assert answer.status_code == 400
    assert "<code>steps[0].with.script</code>" in page
    assert "looks like a secret value (random_text)" in page
    assert KEY not in page
    assert REMOVED in page
    assert KEY not in everything()
    assert KEY not in caplog.text
    assert "not_secret" not in page, "an operator is not asked"


def test_the_command_refuses_it_by_place_and_says_what_to_do(world: World, tmp_path: Path) -> None:
    world.here()
    (tmp_path / "plan.json").write_text(json.dumps(a_plan()))
    ended = manage("submit", tmp_path / "plan.json", "--as", "olga", "--yes")

    assert ended.code == 2
    assert "error[secret.literal] steps[0].with.script: looks like a secret value (random_text)" in ended.err
    assert '{"secret": "store:path#key"}' in ended.err
    assert KEY not in ended.out + ended.err + everything()


def test_who_may_not_override_is_refused_and_that_is_recorded(world: World, tmp_path: Path) -> None:
    world.here()
    (tmp_path / "plan.json").write_text(json.dumps(a_plan()))
    ended = manage(
        "submit", tmp_path / "plan.json", "--as", "olga", "--allow-likely-secret", "it is a sample"
    )

    assert ended.code == 2
    assert "error[not_allowed]" in ended.err
    decision = AccessDecision.objects.get()
    assert (decision.question, decision.allowed, decision.actor_id) == (
        "safety.override_secret_check",
        False,
        world.olga.pk,
    )
    assert Execution.objects.count() == 0
    posted = client_of(world.olga).post(
        "/executions/new/preview/", form_of(world, not_secret="it is a sample")
    )
    assert posted.status_code == 400


def test_a_tenant_admin_says_on_the_page_that_it_is_none(world: World, admin: Any) -> None:
    client = client_of(admin)
    form = form_of(world, not_secret="it is the sample key of the vendor's manual")
    page = client.post("/executions/new/preview/", form).content.decode()
    assert "You say that they are none" in page
    assert "<code>steps[0].with.script</code> random_text" in page
    found = re.search(r'name="seen_hash"\s+value="([0-9a-f]{64})"', page)
    assert found
    assert 'name="not_secret"' in page

    assert client.post("/executions/new/confirm/", form | {"seen_hash": found[1]}).status_code == 302

    event = Event.objects.get(type="secret.override")
    assert event.data == {
        "reason": "it is the sample key of the vendor's manual",
        "found": [{"place": "steps[0].with.script", "kind": "random_text"}],
    }
    assert (event.actor, event.execution_id) == ("olga", Execution.objects.get().pk)
    decision = AccessDecision.objects.get(question="safety.override_secret_check")
    assert (decision.allowed, decision.execution_id) == (True, event.execution_id)


def test_an_overridden_plan_runs_after_its_approval_and_can_be_retried(
    world: World, admin: Any, working: None, tmp_path: Path
) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(a_plan(f"echo {KEY} >{tmp_path}/out")))
    ended = manage(
        "submit",
        tmp_path / "plan.json",
        "--as",
        "olga",
        "--yes",
        "--json",
        "--allow-likely-secret",
        "a sample",
    )
    assert ended.code == 0, ended.err
    assert work_until_over(ended.json["id"]) == "succeeded"
    assert (tmp_path / "out").read_text() == f"{KEY}\n"

    again = control.retry(ended.json["id"], user=admin, failed_only=False, confirmed=True)
    assert work_until_over(again.execution_id) == "succeeded"
    assert status_of(again.execution_id) == "succeeded"


def test_without_anything_to_override_nothing_is_recorded(world: World, admin: Any, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(a_plan("true")))
    ended = manage("submit", tmp_path / "plan.json", "--as", "olga", "--allow-likely-secret", "just in case")

    assert ended.code == 0, ended.err
    assert not Event.objects.filter(type="secret.override").exists()
    assert not AccessDecision.objects.filter(question="safety.override_secret_check").exists()


def test_an_override_does_not_let_a_value_stand_where_only_references_may(world: World, admin: Any) -> None:
    plan = a_plan("true")
    plan["steps"][0]["with"]["secrets"] = {"pw": KEY}
    form = form_of(world, not_secret="really", plan=json.dumps(plan))
    page = client_of(admin).post("/executions/new/preview/", form).content.decode()

    assert "must be a reference" in page
    assert KEY not in page


def test_a_random_key_in_any_place_of_a_plan_is_removed_from_the_page(world: World) -> None:
    world.here()
    key = next(key for key in iter(lambda: secrets.token_urlsafe(32), "") if key[0].isalnum())
    plan = a_plan("true") | {"description": f"call with {key}", "surplus": [{"deep": key}]}
    page = client_of(world.olga).post("/executions/new/preview/", form_of(world, plan=json.dumps(plan)))

    assert key not in page.content.decode()
