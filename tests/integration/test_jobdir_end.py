"""However the work ends, what is reported is true and nothing of it lives on."""

import os
import signal
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

from executions.connectors.base import Ended, OutcomeUnknown, Work
from executions.connectors.registry import connector_for
from executions.jobdir import Command, JobDirectory, JobName, Progress
from executions.jobdir.local import LocalShell
from safety.cancellation import CancelReason, CancelToken
from tests.jobs import Kept, kill_marked, marked, some_work, wait_until

LOCAL = connector_for("command", "local")
# Three generations that ignore TERM, the last in a session of its own.
FAMILY = """
trap '' TERM
sh -c 'trap "" TERM; setsid sh -c "trap \\"\\" TERM; echo deep; sleep 300; sleep 300" & sleep 300; sleep 300' &
sleep 300; sleep 300
"""


def folder_of(work: Work) -> Path:
    return Path(
        f"/var/tmp/opsconductor-{os.geteuid()}", str(work.execution_id), f"{work.step_run_id}-{work.attempt}"
    )


def test_cancel_ends_three_generations_even_in_a_session_of_their_own() -> None:
    cancel, sink = CancelToken(), Kept()
    work = some_work({"script": FAMILY}, kind="script", cancel=cancel)
    mark = f"{work.step_run_id}-1"
    asked = []

    def ask() -> None:
        wait_until(lambda: "deep" in sink.out)
        asked.append(time.monotonic())
        cancel.cancel(CancelReason.USER)

    thread = threading.Thread(target=ask)
    thread.start()
    result = LOCAL.run(work, sink)
    thread.join()
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert time.monotonic() - asked[0] < work.grace_s + 3
    wait_until(lambda: not marked(mark), timeout_s=2)


def test_the_deadline_stops_the_work_like_a_cancel() -> None:
    work = some_work({"argv": ["sleep", "300"]}, limit_s=0.3)
    began = time.monotonic()
    result = LOCAL.run(work, Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert time.monotonic() - began < 0.3 + work.grace_s + 3


def test_a_target_cut_off_from_us_ends_the_work_by_itself() -> None:
    name = JobName(uuid4(), uuid4(), 1)
    job = JobDirectory(LocalShell(), name)
    job.start(Command(script=FAMILY, secrets={"key": "hunter2"}), deadline_s=1, grace_s=0.3)
    # Nobody looks through the connector: only the wrapper's own timer acts.
    wait_until(lambda: job.look(0, 0).progress is Progress.DEADLINE_CONFIRMED)
    wait_until(lambda: not marked(name.words[1]), timeout_s=2)
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", *name.words)
    assert not (folder / "secrets").exists()


def test_a_command_that_ended_before_the_cancel_keeps_its_own_result() -> None:
    work = some_work({"argv": ["sh", "-c", "echo done; exit 3"]})
    assert LOCAL.run(work, Kept()).exit_code == 3
    cancel = CancelToken()
    cancel.cancel(CancelReason.USER)
    again = some_work(
        work.arguments,
        cancel=cancel,
        resume=True,
        step_run_id=work.step_run_id,
        execution_id=work.execution_id,
    )
    sink = Kept()
    result = LOCAL.run(again, sink)
    assert (result.ended, result.exit_code, sink.out) == (Ended.FINISHED, 3, "done\n")


def test_a_cancel_before_the_start_starts_nothing(tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel(CancelReason.USER)
    result = LOCAL.run(some_work({"argv": ["touch", str(tmp_path / "x")]}, cancel=cancel), Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert not (tmp_path / "x").exists()


def test_a_cancel_reaches_work_that_another_worker_began_and_only_then_is_confirmed() -> None:
    work = some_work({"argv": ["sleep", "300"]})
    job = JobDirectory(LocalShell(), JobName(work.execution_id, work.step_run_id, 1))
    job.start(Command(argv=("sleep", "300")), deadline_s=60, grace_s=1)
    cancel = CancelToken()
    cancel.cancel(CancelReason.USER)
    again = some_work(
        {"argv": ["sleep", "300"]},
        cancel=cancel,
        resume=True,
        step_run_id=work.step_run_id,
        execution_id=work.execution_id,
    )
    result = LOCAL.run(again, Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert not marked(f"{work.step_run_id}-1")


@pytest.mark.parametrize("reason", [CancelReason.SHUTDOWN, CancelReason.LEASE_LOST])
def test_a_worker_that_hands_over_leaves_the_work_alone(reason: CancelReason, tmp_path: Path) -> None:
    cancel, sink = CancelToken(), Kept()
    script = f"echo begun; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo ended"
    work = some_work({"script": script}, kind="script", cancel=cancel)
    waiting = threading.Thread(
        target=lambda: (wait_until(lambda: sink.out == "begun\n"), cancel.cancel(reason))
    )
    waiting.start()
    assert LOCAL.run(work, sink).ended is Ended.DETACHED
    waiting.join()
    (tmp_path / "go").touch()
    next_sink = Kept(stdout=sink.data["stdout"])
    again = some_work(
        work.arguments,
        kind="script",
        resume=True,
        step_run_id=work.step_run_id,
        execution_id=work.execution_id,
    )
    assert LOCAL.run(again, next_sink).exit_code == 0
    assert next_sink.out == "begun\nended\n"


def test_work_whose_processes_vanished_has_an_unknown_outcome() -> None:
    work = some_work({"argv": ["sleep", "300"], "secrets": {"key": "hunter2"}})
    job = JobDirectory(LocalShell(), JobName(work.execution_id, work.step_run_id, 1))
    job.start(Command(argv=("sleep", "300"), secrets={"key": "hunter2"}), deadline_s=60, grace_s=1)
    wait_until(lambda: (folder_of(work) / "leader").exists())
    kill_marked(f"{work.step_run_id}-1")
    with pytest.raises(OutcomeUnknown, match="gone"):
        LOCAL.run(
            some_work(
                work.arguments, resume=True, step_run_id=work.step_run_id, execution_id=work.execution_id
            ),
            Kept(),
        )
    assert not (folder_of(work) / "secrets").exists()


def test_a_killed_wrapper_does_not_hide_a_command_that_lives() -> None:
    name = JobName(uuid4(), uuid4(), 1)
    job = JobDirectory(LocalShell(), name)
    job.start(Command(argv=("sleep", "300")), deadline_s=60, grace_s=1)
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", *name.words)
    wait_until(lambda: (folder / "leader").exists())
    os.kill(int((folder / "process").read_text().split()[0]), signal.SIGKILL)
    assert job.look(0, 0).progress is Progress.RUNNING
    assert job.stop(0.5).stop == "confirmed"
    assert not marked(name.words[1])


def test_a_reused_pid_is_neither_taken_for_the_work_nor_killed() -> None:
    name = JobName(uuid4(), uuid4(), 1)
    job = JobDirectory(LocalShell(), name)
    job.start(Command(argv=("sleep", "300")), deadline_s=60, grace_s=1)
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", *name.words)
    wait_until(lambda: (folder / "leader").exists())
    kill_marked(name.words[1])
    stranger = os.posix_spawn("/bin/sleep", ["sleep", "300"], {}, setsid=True)
    try:
        boot = (folder / "process").read_text().split()[2]
        (folder / "process").write_text(f"{stranger} 1 {boot}\n")
        (folder / "leader").write_text(f"{stranger} 1\n")
        assert job.look(0, 0).progress is Progress.GONE
        assert job.stop(0.5).stop == "confirmed"
        assert os.waitpid(stranger, os.WNOHANG) == (0, 0)
    finally:
        os.kill(stranger, signal.SIGKILL)
        os.waitpid(stranger, 0)


def test_another_boot_means_that_nothing_of_the_work_lives() -> None:
    name = JobName(uuid4(), uuid4(), 1)
    job = JobDirectory(LocalShell(), name)
    job.start(Command(argv=("true",)), deadline_s=60, grace_s=1)
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", *name.words)
    wait_until(lambda: (folder / "exit").exists())
    (folder / "exit").unlink()
    (folder / "process").write_text("1 1 another-boot\n")
    assert job.look(0, 0).progress is Progress.GONE
    assert job.stop(0.5).stop == "confirmed"
