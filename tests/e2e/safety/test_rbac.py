"""A role that is revoked between two steps: from the page by way of RabbitMQ and a worker, the second never begins."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from executions.models import Event, Execution
from safety.choices import Role
from safety.models import AccessDecision, Lease, Membership
from tests import factories
from tests.fleet import Fleet
from tests.world import World, runs_of, script, status_of, until

WAITS = "touch {signal}.waits; until test -e {signal}; do sleep 0.05; done"


def signed_in(user: Any) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def submitted_by_olga(world: World, *steps: dict[str, Any]) -> UUID:
    """Olga pastes the plan, looks at the preview and confirms it."""
    plan = {"version": 1, "name": "two steps", "mode": "background", "targets": ["here"], "steps": steps}
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan)}
    client = signed_in(world.olga)
    preview = client.post("/executions/new/preview/", form)
    seen = preview.context["frozen"].approval_hash
    answer = client.post("/executions/new/confirm/", form | {"seen_hash": seen})
    assert answer.status_code == 302
    return UUID(answer["Location"].split("/")[2])


def on_the_admin_page(world: World, **changes: Any) -> None:
    """A tenant admin edits Olga's membership as a browser would."""
    held = Membership.objects.get(user=world.olga)
    boss = factories.a_person("boss", Role.TENANT_ADMIN, tenant=world.acme, is_staff=True)
    form = {"role": held.role, "ends_at_0": "", "ends_at_1": "", "reason": "left the team"} | changes
    answer = signed_in(boss).post(reverse("admin:safety_membership_change", args=[held.pk]), form)
    assert answer.status_code == 302, answer.content.decode()


def becomes_a_viewer(world: World) -> None:
    on_the_admin_page(world, role="viewer")


def is_limited_to_another_environment(world: World) -> None:
    on_the_admin_page(world, environments=["prod"])


def is_deactivated(world: World) -> None:
    type(world.olga).objects.filter(pk=world.olga.pk).update(is_active=False)


@pytest.mark.parametrize(
    ("lose", "reason"),
    [
        (becomes_a_viewer, "the role viewer does not allow it"),
        (is_limited_to_another_environment, "the role operator is limited to prod, this is dev"),
        (is_deactivated, "the account is deactivated"),
    ],
)
def test_whoever_loses_the_right_while_step_one_runs_touches_nothing_with_step_two(
    world: World, fleet: Fleet, tmp_path: Path, lose: Callable[[World], None], reason: str
) -> None:
    world.here()
    signal, touched = tmp_path / "go", tmp_path / "touched"
    execution_id = submitted_by_olga(
        world,
        script(WAITS.format(signal=signal), "one", estimate=60),
        script(f"touch {touched}", "two", on_failure="continue"),
        script(f"touch {touched}", "three", estimate=1),
    )
    until((tmp_path / "go.waits").exists, timeout_s=60)
    lose(world)
    signal.touch()
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, timeout_s=60)

    assert not touched.exists()
    runs = {run.step.key: run for run in runs_of(execution_id)}
    assert {key: run.status for key, run in runs.items()} == {
        "one": "succeeded",
        "two": "failed",
        "three": "skipped",
    }
    assert status_of(execution_id) == "failed"
    assert not Lease.objects.exists()
    event = Event.objects.get(type="rbac.violation")
    assert (event.step_run_id, event.data["person"], event.data["reason"]) == (runs["two"].pk, "olga", reason)
    assert event.actor == runs["two"].worker
    decisions = AccessDecision.objects.filter(execution_id=execution_id, step_run_id__isnull=False)
    assert list(decisions.order_by("pk").values_list("allowed", flat=True)) == [True, False]
    page = signed_in(world.tom).get(f"/executions/{execution_id}/").content.decode()
    assert f"not allowed: {reason}" in page
