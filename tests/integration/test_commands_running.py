"""run, submit and retry: what is printed, what happens, and with which exit code."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from executions.models import Execution, OutputChunk, StepRun
from tests.commands import ended, environment, manage, plan_file, start
from tests.fleet import ROOT
from tests.world import World, script, states_of, status_of, until, wait_step


def test_run_does_the_work_itself_where_there_is_no_broker_and_no_worker(
    world: World, tmp_path: Path
) -> None:
    world.here()
    path = plan_file(tmp_path, script("echo hello", action_class="read"), targets=["here"])

    answer = manage("run", path, "--as", "olga")

    assert answer.code == 0, answer.err
    assert "Succeeded" in answer.out
    assert "hello" in answer.out
    execution = Execution.objects.get()
    assert (execution.status, execution.mode) == ("succeeded", "background")


def test_json_is_one_document_and_nothing_else(world: World, tmp_path: Path) -> None:
    path = plan_file(tmp_path, wait_step(), wait_step("second"))

    answer = manage("run", path, "--as", "olga", "--json")

    assert answer.code == 0, answer.err
    assert answer.json["status"] == "succeeded"
    assert answer.json["progress"]["succeeded"] == 2
    assert [step["step"] for step in answer.json["steps"]] == ["wait", "second"]


def test_a_run_that_fails_exits_with_1(world: World, tmp_path: Path) -> None:
    world.here()
    path = plan_file(tmp_path, script("exit 7", action_class="read"), targets=["here"])

    answer = manage("run", path, "--as", "olga")

    assert answer.code == 1
    assert "exited with 7" in answer.out


def test_immediate_plans_run_in_the_command(world: World, tmp_path: Path) -> None:
    path = plan_file(tmp_path, wait_step(), mode="immediate")

    answer = manage("submit", path, "--as", "olga", "--json")

    assert answer.code == 0, answer.err
    assert (answer.json["status"], answer.json["mode"]) == ("succeeded", "immediate")


def test_a_plan_that_changes_something_waits_for_a_yes(world: World, tmp_path: Path) -> None:
    world.here()
    path = plan_file(tmp_path, script("echo changed"), targets=["here"])

    waits = manage("run", path, "--as", "olga")
    confirmed = manage("run", path, "--as", "olga", "--yes", "--again")

    execution = Execution.objects.get(status="pending_approval")
    assert waits.code == 1
    assert f"manage.py approve {execution.short_id} --hash {execution.approval_hash[:12]}" in waits.err
    assert confirmed.code == 0, confirmed.err


def test_submit_comes_back_at_once_and_the_same_plan_is_the_same_execution(
    world: World, tmp_path: Path
) -> None:
    path = plan_file(tmp_path, wait_step())

    first = manage("submit", path, "--as", "olga", "--json")
    second = manage("submit", path, "--as", "olga", "--json")
    another = manage("submit", path, "--as", "olga", "--json", "--again")

    assert (first.code, first.json["status"], first.json["created"]) == (0, "queued", True)
    assert (second.json["id"], second.json["created"]) == (first.json["id"], False)
    assert another.json["id"] != first.json["id"]


def test_a_key_of_ones_own_is_refused_for_another_plan(world: World, tmp_path: Path) -> None:
    manage("submit", plan_file(tmp_path, wait_step()), "--as", "olga", "--idempotency-key", "one")
    other = plan_file(tmp_path, wait_step("different"))

    answer = manage("submit", other, "--as", "olga", "--idempotency-key", "one")

    assert answer.code == 2
    assert "error[idempotency.mismatch]" in answer.err


def test_every_problem_of_a_plan_is_told_with_its_place(world: World, tmp_path: Path) -> None:
    path = plan_file(tmp_path, wait_step(timeout=-1), {"id": "x", "kind": "shell", "with": {}})

    answer = manage("submit", path, "--as", "olga", "--json")

    assert answer.code == 2
    assert "steps[0].timeout" in answer.err
    assert {problem["path"] for problem in answer.json["errors"]} >= {"steps[0].timeout", "steps[1].kind"}
    assert not Execution.objects.exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"version": 1'])
def test_a_plan_from_standard_input_that_is_none_is_refused(world: World, text: str) -> None:
    answer = subprocess.run(
        [sys.executable, ROOT / "manage.py", "run", "-", "--as", "olga"],
        env=environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.returncode == 2
    assert answer.stderr.startswith("error[plan.")
    assert "Traceback" not in answer.stderr


def test_a_plan_from_standard_input_runs(world: World, tmp_path: Path) -> None:
    plan = plan_file(tmp_path, wait_step()).read_text()

    answer = subprocess.run(
        [sys.executable, ROOT / "manage.py", "run", "-", "--as", "olga", "--json"],
        env=environment(),
        input=plan,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["status"] == "succeeded"


def test_a_file_that_is_not_there_is_bad_input(world: World, tmp_path: Path) -> None:
    answer = manage("run", tmp_path / "missing.json", "--as", "olga")

    assert answer.code == 2
    assert "missing.json: No such file" in answer.err


def test_retry_of_the_failed_only_makes_a_new_execution(world: World, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    world.here()
    steps: list[dict[str, Any]] = [
        script("echo fine", "fine", action_class="read"),
        script(f"test -e {flag}", "needs-flag", action_class="read"),
    ]
    manage("run", plan_file(tmp_path, *steps, targets=["here"]), "--as", "olga")
    old = Execution.objects.get()
    flag.touch()

    answer = manage("retry", old.short_id, "--as", "olga", "--failed-only", "--wait", "--json")

    assert answer.code == 0, answer.err
    assert answer.json["retry_of"] == str(old.pk)
    assert states_of(Execution.objects.exclude(pk=old.pk).get().pk) == {"needs-flag": "succeeded"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", ["background", "immediate"])
def test_ctrl_c_prints_the_id_and_cancels_nothing(
    world: World, tmp_path: Path, mode: str, number: signal.Signals
) -> None:
    world.here()
    step = script("echo begin; sleep 2; echo end", action_class="read")
    path = plan_file(tmp_path, step, targets=["here"], mode=mode)
    env = environment(OPSC_SWEEP_INTERVAL_S="0.2")
    process = start("run", path, "--as", "olga", env=env)
    until(OutputChunk.objects.exists, timeout_s=30)

    process.send_signal(number)
    answer = ended(process)

    execution = Execution.objects.get()
    assert answer.code == 130
    assert str(execution.pk) in answer.out
    assert not execution.cancel_requested_at
    assert (StepRun.objects.get().status, StepRun.objects.get().resume) == ("ready", True)
    if mode == "background":
        assert manage("submit", path, "--as", "olga", "--wait").code == 0  # somebody else goes on with it
        assert status_of(execution.pk) == "succeeded"
