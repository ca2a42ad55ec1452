"""The demo from nothing: on its own database, again, and through RabbitMQ."""

import os
from pathlib import Path
from typing import Any

from executions.models import OutputChunk, StepRun
from tests.commands import Ended, ended, environment, start
from tests.services.rabbitmq import Vhost

STEPS = ["facts", "write", "check-file", "check-web", "token", "flaky", "report"]
UNSET = ("DATABASE_URL", "RABBITMQ_URL", "SECRET_KEY", "OPSC_MESSAGE_KEY")


def _check(answer: Ended) -> dict[str, Any]:
    """Whether everything that the demo promises has happened; its steps by their ids."""
    assert answer.code == 0, answer.err
    assert answer.json["status"] == "succeeded"
    steps = {step["step"]: step for step in answer.json["steps"]}
    assert list(steps) == STEPS
    assert answer.json["mode"] == "background"
    assert (steps["flaky"]["attempt"], steps["check-web"]["exit_code"]) == (2, 200)
    assert steps["token"]["summary"] == "signing in with [masked], in base64 [masked]"
    assert steps["check-web"]["started_at"] < steps["check-file"]["finished_at"]
    assert steps["check-file"]["started_at"] < steps["check-web"]["finished_at"]
    return steps


def _on_its_own(folder: Path) -> dict[str, str]:
    """No server, no keys, an empty home."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return kept | {"OPSC_DATA_DIR": str(folder / "var"), "HOME": str(folder)}


def test_the_demo_needs_no_server_and_works_again(tmp_path: Path) -> None:
    env = _on_its_own(tmp_path / "home")

    first, second = (ended(start("demo", "--json", env=env)) for _ in range(2))

    assert _check(first)["token"]["id"] != _check(second)["token"]["id"]
    assert first.json["id"] != second.json["id"]
    shown = ended(start("show", second.json["id"][:8], "--output", env=env))
    assert shown.code == 0  # Olga is the embedded default's only superuser
    assert "signing in with [masked]" in shown.out


def test_people_see_a_table_and_where_to_look(tmp_path: Path) -> None:
    answer = ended(start("demo", env=_on_its_own(tmp_path / "home")))

    assert answer.code == 0, answer.err
    assert all(step in answer.out for step in STEPS)
    assert "manage.py show" in answer.out
    assert "/executions/" in answer.out


def test_with_rabbitmq_the_demo_starts_a_fleet(world: None, rabbitmq: Vhost) -> None:
    answer = ended(start("demo", "--json", env=environment(RABBITMQ_URL=rabbitmq.url)), timeout_s=90)

    _check(answer)
    workers = set(StepRun.objects.values_list("worker", flat=True))
    assert workers
    assert not OutputChunk.objects.filter(text__contains="demo-").exists()
