"""Cancellation on the whole path: page, RabbitMQ, worker process, target. Without its middleware these fail."""

import time
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from executions.models import Event, Execution
from tests.fleet import Fleet
from tests.services.httpd import TargetHttp
from tests.world import World, output_of, runs_of, script, until, wait_step

SOON_S = 20.0  # far below what the steps would take by themselves


def cancel_on_the_page(world: World, execution_id: UUID, reason: str) -> None:
    client = Client()
    client.force_login(world.olga)
    answer = client.post(reverse("executions:cancel", args=[execution_id]), {"reason": reason})
    assert answer.status_code == 302


def ended(execution_id: UUID) -> Execution:
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, SOON_S)
    return Execution.objects.get(pk=execution_id)


def test_a_cancel_on_the_page_reaches_the_process_on_its_target_with_reason_and_actor(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    world.here()
    begun, reached_its_end = tmp_path / "begun", tmp_path / "end"
    text = f"echo begun; touch {begun}; sleep 60; touch {reached_its_end}"
    submitted = world.submit(script(text, estimate=60), wait_step("after"), targets=["here"])
    until(begun.exists)
    asked = time.monotonic()
    cancel_on_the_page(world, submitted.execution_id, "wrong cluster")
    execution = ended(submitted.execution_id)
    assert time.monotonic() - asked < SOON_S
    assert (execution.status, execution.cancel_kind, execution.cancel_actor) == ("cancelled", "user", "olga")
    step, after = runs_of(submitted.execution_id)
    assert (step.status, step.stop_confirmed, after.status) == ("cancelled", True, "cancelled")
    assert "cancelled by olga: wrong cluster" in step.detail
    assert output_of(step) == "begun\n"
    assert not reached_its_end.exists()
    told = Event.objects.get(type="step.cancelled", step_run=step).data
    assert (told["kind"], told["reason"], told["by"]) == ("user", "wrong cluster", "olga")


@pytest.mark.parametrize("what", ["wait", "answer"])
def test_a_cancel_ends_waiting_that_nothing_else_would_end(
    world: World, fleet: Fleet, target_http: TargetHttp, what: str
) -> None:
    if what == "wait":
        submitted = world.submit(wait_step(**{"with": {"seconds": 60}}, estimate=60))
        until(lambda: runs_of(submitted.execution_id)[0].status == "running")
    else:
        get = {"method": "GET", "url": target_http.on("/slow", hang=True)}
        submitted = world.submit({"id": "get", "kind": "http", "with": get, "estimate": 60})
        target_http.wait_for("/slow")
    cancel_on_the_page(world, submitted.execution_id, "enough")
    assert ended(submitted.execution_id).status == "cancelled"
