"""sweep, health, bench: what they say about the system; and what all commands have in common."""

from importlib import import_module
from pathlib import Path

import pytest

from executions.cli.command import OpsCommand
from executions.management import commands
from executions.models import StepRun
from tests.commands import ended, environment, manage, start
from tests.world import World, holding, status_of, until, wait_step, work_off

NOWHERE = "postgres://nobody@127.0.0.1:1/none"
NAMES = sorted(path.stem for path in Path(commands.__path__[0]).glob("[a-z]*.py"))


def test_a_sweep_counts_what_it_did(world: World, working: None) -> None:
    execution_id = world.submit(wait_step()).execution_id
    StepRun.objects.update(ready_at="2020-01-01T00:00Z")

    answer = manage("sweep", "--json")
    people = manage("sweep")

    assert (answer.code, answer.json["swept"]) == (0, True)
    assert answer.json["counts"]["woken_again"] == 1
    assert "retries due" in people.out
    work_off()
    assert status_of(execution_id) == "succeeded"


def test_health_without_a_broker_is_fine_and_counts_workers(world: World) -> None:
    alone = manage("health", "--json")
    with holding():
        busy = until(lambda: (found := manage("health", "--json")) and "1 alive" in found.out and found)

    assert alone.code == busy.code == 0
    assert {part["name"] for part in alone.json["parts"]} == {
        "database",
        "tables",
        "broker",
        "workers",
        "audit",
        "tenants",
        "disk",
    }
    assert alone.json["healthy"]


def test_health_says_what_is_down(world: World) -> None:
    env = environment(DATABASE_URL=NOWHERE, RABBITMQ_URL="amqp://127.0.0.1:1/")

    answer = ended(start("health", "--json", env=env))

    states = {part["name"]: part["state"] for part in answer.json["parts"]}
    assert answer.code == 3
    assert (states["database"], states["broker"], states["disk"]) == ("down", "down", "ok")


@pytest.mark.parametrize(
    "command", [("show", "abcd"), ("submit", "-"), ("cancel", "abcd", "--reason=x"), ("sweep",)]
)
def test_without_a_database_commands_exit_with_3(world: World, command: tuple[str, ...]) -> None:
    answer = ended(start(*command, env=environment(DATABASE_URL=NOWHERE)))

    assert answer.code == 3
    assert answer.err.startswith("error[database]")
    assert answer.out == ""


def test_bench_needs_both_servers(world: World) -> None:
    answer = manage("bench", "--json")

    assert answer.code == 3
    assert "RABBITMQ_URL=" in answer.err
    assert answer.json["errors"][0]["code"] == "not_available"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    command = import_module(f"{commands.__name__}.{name}").Command()

    text = " ".join(command.create_parser("manage.py", name).format_help().split())

    assert f"manage.py {name}" in text.split("xample:")[1]
    assert "Exit code" in text
    assert "--json" in text or not isinstance(command, OpsCommand)
