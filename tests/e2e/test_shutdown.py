"""A worker that is told to stop: commands go on with another worker at once, other steps end or are let go of."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from executions.models import StepRun, Worker
from tests.fleet import Fleet
from tests.services.httpd import TargetHttp
from tests.services.processes import Owned
from tests.services.rabbitmq import Vhost
from tests.world import World, events_of, output_of, runs_of, script, status_of, until, wait_step

LATE_S = 60.0  # a worker that is started anew on a busy machine


@pytest.fixture
def programs(world: World, rabbitmq: Vhost, tmp_path: Path) -> Iterator[Fleet]:
    """Runs management commands as processes, a scheduler to begin with; patient with running steps."""
    programs = Fleet(rabbitmq.url, tmp_path)
    programs.env["OPSC_DRAIN_S"] = "60"
    programs.add("scheduler")
    yield programs
    programs.stop()


def slow_script(folder: Path) -> str:
    """Says something, waits for a file, says something more, and counts how often it was begun."""
    begun, go_on = folder / "begun", folder / "go on"
    return (
        f"echo x >> '{folder / 'times'}'; echo before; touch '{begun}';"
        f" until [ -e '{go_on}' ]; do sleep 0.05; done; echo after"
    )


def stop(worker: Owned) -> None:
    """TERM, and it has begun to drain."""
    worker.process.send_signal(signal.SIGTERM)


def first_of(execution_id: UUID) -> StepRun:
    return runs_of(execution_id)[0]


def http_step(method: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": "call", "kind": "http", "with": {"method": method, "url": url}, "estimate": 60} | more


def test_a_script_is_handed_over_at_once_and_its_output_is_whole(
    programs: Fleet, world: World, tmp_path: Path
) -> None:
    world.here()
    done = world.submit(
        script(slow_script(tmp_path), estimate=60), script("echo next", "b"), targets=["here"]
    )
    worker = programs.add_worker(threads=2)
    until((tmp_path / "begun").exists)
    stop(worker)
    assert worker.process.wait(30) == 0, programs.logs()
    run = first_of(done.execution_id)
    assert (run.status, run.resume, run.attempt) == ("ready", True, 1)
    assert Worker.objects.get(name=run.worker).state == "stopped"
    programs.add_worker(threads=2)
    until(lambda: first_of(done.execution_id).status == "running", LATE_S)
    (tmp_path / "go on").touch()
    until(lambda: status_of(done.execution_id) == "succeeded", LATE_S)
    assert output_of(run) == "before\nafter\n"
    assert (tmp_path / "times").read_text() == "x\n"
    assert first_of(done.execution_id).attempt == 1
    assert "step.handed_over" in events_of(done.execution_id)


def test_a_request_under_way_is_waited_for_and_nothing_new_is_taken(
    programs: Fleet, world: World, target_http: TargetHttp
) -> None:
    done = world.submit(http_step("POST", target_http.on("/slow", hang=True)), wait_step("after"))
    worker = programs.add_worker(threads=1)
    target_http.wait_for("/slow")
    stop(worker)
    until(lambda: Worker.objects.get().state == "draining")
    target_http.release()
    assert worker.process.wait(30) == 0, programs.logs()
    call, after = runs_of(done.execution_id)
    assert (call.status, after.status) == ("succeeded", "ready")
    assert len(target_http.requests("/slow")) == 1


@pytest.mark.parametrize(
    ("method", "effect", "status"),
    [("POST", "unsafe", "interrupted"), ("PUT", "idempotent", "ready"), ("GET", "read", "ready")],
)
def test_beyond_the_patience_a_request_is_let_go_of_by_its_effect_and_that_is_on_record(
    programs: Fleet, world: World, target_http: TargetHttp, method: str, effect: str, status: str
) -> None:
    programs.env["OPSC_DRAIN_S"] = "0.3"
    done = world.submit(http_step(method, target_http.on("/slow", hang=True), effect=effect))
    worker = programs.add_worker(threads=1)
    target_http.wait_for("/slow")
    stop(worker)
    assert worker.process.wait(30) == 0, programs.logs()
    assert first_of(done.execution_id).status == status
    assert ("execution.needs_attention" in events_of(done.execution_id)) is (status == "interrupted")


def test_a_storm_of_signals_leaves_the_same_record(
    programs: Fleet, world: World, tmp_path: Path, target_http: TargetHttp
) -> None:
    world.here()
    commands = world.submit(script(slow_script(tmp_path), estimate=60), targets=["here"])
    call = world.submit(http_step("POST", target_http.on("/slow", hang=True)))
    pause = world.submit(wait_step(**{"with": {"seconds": 60}}))
    worker = programs.add_worker(threads=3)
    until((tmp_path / "begun").exists)
    target_http.wait_for("/slow")
    until(lambda: first_of(pause.execution_id).status == "running")
    stop(worker)
    until(lambda: Worker.objects.get().state == "draining")
    for number in (signal.SIGTERM, signal.SIGINT) * 5:
        os.kill(worker.pid, number)
    assert worker.process.wait(20) == 0, programs.logs()
    assert first_of(commands.execution_id).status == "ready"
    assert first_of(commands.execution_id).resume
    assert first_of(call.execution_id).status == "interrupted"
    assert first_of(pause.execution_id).status == "ready"
    programs.add_worker(threads=3)
    (tmp_path / "go on").touch()
    until(lambda: status_of(commands.execution_id) == "succeeded", LATE_S)
    assert output_of(first_of(commands.execution_id)) == "before\nafter\n"


def test_a_fleet_that_is_stopped_hands_over_to_the_next_one(
    programs: Fleet, world: World, tmp_path: Path
) -> None:
    world.here()
    fleet = programs.add("fleet", "--workers=2", "--threads=2")
    programs.wait_for_workers(2)
    done = world.submit(script(slow_script(tmp_path), estimate=60), targets=["here"])
    until((tmp_path / "begun").exists)
    fleet.process.send_signal(signal.SIGTERM)
    assert fleet.process.wait(40) == 0, programs.logs()
    assert first_of(done.execution_id).resume
    programs.add_worker(threads=1)
    (tmp_path / "go on").touch()
    until(lambda: status_of(done.execution_id) == "succeeded", LATE_S)
    assert output_of(first_of(done.execution_id)) == "before\nafter\n"
    assert (tmp_path / "times").read_text() == "x\n"
