"""What Tom approved on the page is what runs, from the page by way of RabbitMQ and a worker to the target."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from executions.models import Approval, Execution
from tests.fleet import Fleet
from tests.services.rabbitmq import Vhost
from tests.world import World, events_of, runs_of, script, status_of, until

HOSTS = 12
HASH = r'name="{}"\s+value="([0-9a-f]{{64}})"'


@pytest.fixture
def late_fleet(world: World, rabbitmq: Vhost, tmp_path: Path) -> Iterator[Fleet]:
    """A scheduler that fills the queue, and no worker yet."""
    fleet = Fleet(rabbitmq.url, tmp_path)
    try:
        fleet.add("scheduler")
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture
def touched(tmp_path: Path) -> Path:
    """Every step run that reaches its target leaves a file here."""
    folder = tmp_path / "touched"
    folder.mkdir()
    return folder


def signed_in(user: Any) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def hidden(page: Any, name: str) -> str:
    """The hash that a page's form holds, as a browser would send it."""
    assert page.status_code == 200, page.content.decode()
    found = re.search(HASH.format(name), page.content.decode())
    assert found, f"the page offers no {name}"
    return found.group(1)


def submitted_by_olga(world: World, touched: Path) -> UUID:
    """Olga pastes a plan for every host of the tag, looks at the preview and confirms it."""
    for number in range(HOSTS):
        world.here(f"web-{number}", environment="prod", tags=["web"])
    step = script(f"mktemp {touched}/XXXXXX")
    plan = {"version": 1, "name": "twelve hosts", "mode": "background", "targets": ["tag:web"]}
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan | {"steps": [step]})}
    client = signed_in(world.olga)
    seen = hidden(client.post("/executions/new/preview/", form), "seen_hash")
    answer = client.post("/executions/new/confirm/", form | {"seen_hash": seen})
    assert answer.status_code == 302
    return UUID(answer["Location"].split("/")[2])


def approved_by_tom(world: World, execution_id: UUID) -> None:
    """Tom approves what his page shows."""
    address, client = f"/executions/{execution_id}/", signed_in(world.tom)
    page = client.get(address)
    assert f"{HOSTS}" in page.content.decode()
    answer = client.post(f"{address}approve/", {"approval_hash": hidden(page, "approval_hash")})
    assert answer.status_code == 302
    assert Approval.objects.get(execution=execution_id).status == "approved"


def a_thirteenth_host_joins(world: World, _: UUID) -> None:
    world.here("web-13", environment="prod", tags=["web"])


def the_approval_is_for_another_hash(_: World, execution_id: UUID) -> None:
    Approval.objects.filter(execution=execution_id).update(approval_hash="0" * 64)


def the_stored_step_is_another(_: World, execution_id: UUID) -> None:
    change = "UPDATE opsc_step SET spec = jsonb_set(spec, '{with,script}', to_jsonb(%s || '; true')) "
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT spec->'with'->>'script' FROM opsc_step WHERE execution_id = %s", [execution_id]
        )
        [text] = cursor.fetchone()
        cursor.execute(change + "WHERE execution_id = %s", [text, execution_id])


def ended(fleet: Fleet, rabbitmq: Vhost, execution_id: UUID) -> str:
    """Wait until its wake-up lies in RabbitMQ, then start the worker that takes it; how the run ended."""
    until(lambda: "fast" in rabbitmq.queues() and rabbitmq.depth("fast") > 0)
    fleet.add_worker()
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, timeout_s=60)
    return status_of(execution_id)


def test_what_tom_approved_runs_on_every_host_that_his_page_showed(
    world: World, late_fleet: Fleet, rabbitmq: Vhost, touched: Path
) -> None:
    execution_id = submitted_by_olga(world, touched)
    assert status_of(execution_id) == "pending_approval"
    approved_by_tom(world, execution_id)
    assert ended(late_fleet, rabbitmq, execution_id) == "succeeded"
    assert len(list(touched.iterdir())) == HOSTS


@pytest.mark.parametrize(
    "change",
    [a_thirteenth_host_joins, the_approval_is_for_another_hash, the_stored_step_is_another],
)
def test_what_changed_after_the_approval_touches_no_target(
    world: World,
    late_fleet: Fleet,
    rabbitmq: Vhost,
    touched: Path,
    change: Callable[[World, UUID], None],
) -> None:
    execution_id = submitted_by_olga(world, touched)
    approved_by_tom(world, execution_id)
    change(world, execution_id)
    outcome = ended(late_fleet, rabbitmq, execution_id)
    assert list(touched.iterdir()) == []
    assert outcome == "failed"
    assert "approval" in {run.category for run in runs_of(execution_id)}
    assert "approval.approved" in events_of(execution_id)
