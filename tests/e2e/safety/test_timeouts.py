"""A time limit from the admin's table ends the work on its target, by way of page, RabbitMQ and worker."""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from executions.models import DeadLetter, Event, Execution
from safety.models import TimeoutPolicy
from tests.fleet import Fleet
from tests.jobs import kill_marked, marked
from tests.services.hostile import drips, peer
from tests.services.httpd import TargetHttp
from tests.world import World, output_of, runs_of, status_of, until

HASH = re.compile(r'name="seen_hash"\s+value="([0-9a-f]{64})"')
STUBBORN = (
    "echo up; trap 'echo no' TERM; setsid sh -c \"trap '' TERM; sleep 600\" & while :; do sleep 0.1; done"
)
LIMITS = {"step_s": 3, "execution_s": 6, "lease_s": 15, "approval_s": 60, "attempts": 3}


@pytest.fixture
def acme_is_strict(world: World) -> None:
    """Acme's own row: no changing step of a fast plan may take longer than three seconds."""
    TimeoutPolicy.objects.create(tenant=world.acme, sla="fast", action_class="modify", **LIMITS)


def submitted(world: World, *steps: dict[str, Any], **header: Any) -> UUID:
    """Olga submits the plan on the page and confirms what it shows."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(world.olga)
    plan = {"version": 1, "name": "limited", "mode": "background", "steps": list(steps)} | header
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan)}
    page = client.post("/executions/new/preview/", form).content.decode()
    found = HASH.search(page)
    assert found, page
    answer = client.post("/executions/new/confirm/", form | {"seen_hash": found.group(1)})
    assert answer.status_code == 302, answer.content.decode()
    return UUID(answer["Location"].split("/")[2])


def page_of(world: World, execution_id: UUID) -> str:
    client = Client(HTTP_HOST="localhost")
    client.force_login(world.olga)
    return client.get(f"/executions/{execution_id}/").content.decode()


def rests(execution_id: UUID) -> str:
    """Its state once nothing goes on by itself any more."""
    until(lambda: status_of(execution_id) not in ("queued", "running"), timeout_s=60)
    return status_of(execution_id)


@pytest.mark.usefixtures("acme_is_strict")
def test_a_command_that_ignores_term_is_dead_at_the_limit_and_the_policy_is_on_record(
    world: World, fleet: Fleet
) -> None:
    world.here()
    step = {"id": "stubborn", "kind": "script", "with": {"script": STUBBORN}, "estimate": 1, "timeout": 600}
    execution_id = submitted(world, step, targets=["here"])
    try:
        assert rests(execution_id) == "timed_out"
        run = runs_of(execution_id)[0]
        assert (run.status, run.category, run.stop_confirmed) == ("timed_out", "timeout", True)
        assert run.detail.startswith("step limit of 3 s reached (policy fast/modify (acme))")
        assert output_of(run).startswith("up\n")
        assert run.finished_at is not None
        assert run.started_at is not None
        assert 3 <= (run.finished_at - run.started_at).total_seconds() < 90
        assert marked(f"{run.pk}-1") == []
        told = Event.objects.get(execution=execution_id, type="step.timed_out").data
        assert told["policy"] == "fast/modify (acme)"
        assert "of 6 s used (policy fast/modify (acme))" in page_of(world, execution_id)
    finally:
        kill_marked(f"{runs_of(execution_id)[0].pk}-1")


@pytest.mark.usefixtures("acme_is_strict", "fleet")
def test_a_command_that_keeps_within_its_time_ends_by_itself(world: World) -> None:
    world.here()
    step = {"id": "quick", "kind": "script", "with": {"script": "sleep 0.5; echo done"}, "estimate": 1}
    execution_id = submitted(world, step, targets=["here"])
    assert rests(execution_id) == "succeeded"
    assert output_of(runs_of(execution_id)[0]) == "done\n"


@pytest.mark.usefixtures("fleet")
def test_a_server_that_drips_is_left_at_the_limit(world: World) -> None:
    def talk(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        drips(b"x", 0.1)(connection)

    with peer(talk) as port:
        read = {"id": "read", "kind": "http", "with": {"url": f"http://127.0.0.1:{port}/"}, "estimate": 1}
        execution_id = submitted(world, read | {"timeout": 2})
        assert rests(execution_id) == "timed_out"
    run = runs_of(execution_id)[0]
    assert run.detail.startswith("step limit of 2 s reached (policy fast/read)")
    assert "no further byte of the answer" in run.detail
    assert output_of(run).startswith("xxx")


@pytest.mark.usefixtures("fleet")
def test_an_unsafe_request_that_may_have_been_sent_is_unknown_and_not_timed_out(
    world: World, target_http: TargetHttp
) -> None:
    url = target_http.on("/pay", hang=True)
    pay = {"id": "pay", "kind": "http", "with": {"method": "POST", "url": url}, "estimate": 1, "timeout": 2}
    execution_id = submitted(world, pay)
    assert rests(execution_id) == "needs_attention"
    run = runs_of(execution_id)[0]
    assert (run.status, run.category) == ("interrupted", "timeout")
    assert run.detail.startswith("step limit of 2 s reached (policy fast/modify)")
    assert len(target_http.requests("/pay")) == 1
    assert DeadLetter.objects.filter(execution=execution_id, closed_at=None).exists()
    assert Execution.objects.get().clock == "decision"
