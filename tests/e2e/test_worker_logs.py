"""Whoever reads a worker's log finds the lines of one step run, whichever library wrote them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executions.models import Execution
from tests.fleet import Fleet
from tests.services.httpd import TargetHttp
from tests.services.rabbitmq import Vhost
from tests.world import World, runs_of, status_of, until


@pytest.fixture
def talkative(world: World, rabbitmq: Vhost, tmp_path: Path) -> Iterator[Fleet]:
    """One worker that logs whatever there is to log."""
    fleet = Fleet(rabbitmq.url, tmp_path)
    fleet.env["OPSC_LOG_LEVEL"] = "DEBUG"
    try:
        fleet.start(workers=1)
        yield fleet
    finally:
        fleet.stop()


def get(url: str, name: str) -> dict[str, Any]:
    return {"id": name, "kind": "http", "with": {"url": f"{url}/{name}"}, "depends_on": [], "estimate": 1}


def test_every_line_about_a_step_names_its_execution_and_step_run(
    world: World, talkative: Fleet, target_http: TargetHttp
) -> None:
    names = [f"call-{number}" for number in range(6)]
    submitted = world.submit(*(get(target_http.url, name) for name in names))
    until(lambda: Execution.objects.get(pk=submitted.execution_id).is_terminal)
    assert status_of(submitted.execution_id) == "succeeded"
    lines = [json.loads(line) for line in talkative.logs().splitlines()]
    for run in runs_of(submitted.execution_id):
        about = [line for line in lines if f"/{run.step.key} " in line["message"]]
        assert about, f"nobody logged the request of {run.step.key}"
        named = {(line.get("execution"), line.get("step_run")) for line in about}
        assert named == {(str(submitted.execution_id), str(run.pk))}
    assert any("step_run" not in line for line in lines)  # a line about no step claims none
