"""A job directory starts its command exactly once and hands it everything unharmed."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from executions.connectors.base import Ended, NotStarted
from executions.connectors.registry import connector_for
from executions.jobdir import Command, JobDirectory, JobName, Progress, Refused
from executions.jobdir.local import LocalShell
from safety.secrets.values import SecretValue
from tests.jobs import Kept, marked, some_work, wait_until

EVERY_BYTE = "".join(map(chr, range(1, 0x250))) + "語🙂'\"`$(id);|&\\\n\n"


@pytest.fixture(params=["/bin/sh", "busybox", "bash"])
def shell(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalShell]:
    """Programs and wrapper run by one of the shells that targets have; busybox brings its own tools."""
    if request.param == "/bin/sh":
        yield LocalShell()
        return
    (tools := tmp_path / "bin").mkdir()
    if request.param == "busybox":
        subprocess.run([request.getfixturevalue("busybox"), "--install", "-s", tools], check=True)
    else:
        program = shutil.which(request.param)
        assert program, f"{request.param} is missing: run `apt-get install {request.param}`."
        (tools / "sh").symlink_to(program)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    yield LocalShell([str(tools / "sh")])


def finished(shell: LocalShell, command: Command) -> tuple[int | None, bytes, bytes]:
    job = JobDirectory(shell, JobName(uuid4(), uuid4(), 1))
    assert job.start(command, deadline_s=30, grace_s=1)
    wait_until(lambda: job.look(0, 0).progress is Progress.FINISHED)
    seen = job.look(0, 0)
    job.forget()
    return seen.exit_code, seen.stdout, seen.stderr


def test_arguments_input_and_secrets_arrive_byte_for_byte(shell: LocalShell) -> None:
    script = 'printf "%s|" "$@"; printf %s "$VALUE"; cat; cat "$OPSC_SECRETS_DIR/key"'
    argv = ("sh", "-c", script, "x", EVERY_BYTE, "", "-n", "--", "*")
    command = Command(argv=argv, env={"VALUE": EVERY_BYTE}, stdin=EVERY_BYTE, secrets={"key": EVERY_BYTE})
    code, out, err = finished(shell, command)
    assert (code, err) == (0, b"")
    assert out.decode() == f"{EVERY_BYTE}||-n|--|*|{EVERY_BYTE}{EVERY_BYTE}{EVERY_BYTE}"


def test_a_script_runs_with_its_interpreter_in_its_folder(shell: LocalShell, tmp_path: Path) -> None:
    script = "import os, sys\nprint(os.getcwd())\nsys.exit(7)\n"
    command = Command(script=script, interpreter="python3", cwd=str(tmp_path))
    assert finished(shell, command) == (7, f"{tmp_path}\n".encode(), b"")


def test_a_program_that_is_not_there_ends_with_127(shell: LocalShell) -> None:
    code, _, err = finished(shell, Command(argv=("no-such-program",)))
    assert code == 127
    assert b"no-such-program" in err


def test_twenty_starts_at_once_run_the_command_once(shell: LocalShell, tmp_path: Path) -> None:
    command = Command(argv=("sh", "-c", f"echo once >>{tmp_path}/runs"))
    name = JobName(uuid4(), uuid4(), 1)
    gate, answers = threading.Barrier(20), []

    def start() -> None:
        gate.wait()
        answers.append(JobDirectory(shell, name).start(command, deadline_s=30, grace_s=1))

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job = JobDirectory(shell, name)
    wait_until(lambda: job.look(0, 0).progress is Progress.FINISHED)
    assert sorted(answers) == [False] * 19 + [True]
    assert not job.start(command, deadline_s=30, grace_s=1)
    job.forget()
    assert not job.start(command, deadline_s=30, grace_s=1), (
        "a late starter must be kept out after forgetting too"
    )
    assert (tmp_path / "runs").read_text() == "once\n"


def test_a_stop_before_the_start_bars_the_start_for_good(shell: LocalShell, tmp_path: Path) -> None:
    job = JobDirectory(shell, JobName(uuid4(), uuid4(), 1))
    assert job.stop(1).stop == "never_started"
    assert not job.start(Command(argv=("touch", str(tmp_path / "ran"))), deadline_s=30, grace_s=1)
    assert not (tmp_path / "ran").exists()


def test_a_stop_finds_a_child_in_a_session_of_its_own_with_any_shell(shell: LocalShell) -> None:
    name = JobName(uuid4(), uuid4(), 1)
    job = JobDirectory(shell, name)
    job.start(Command(script="setsid sleep 300 & sleep 300"), deadline_s=30, grace_s=1)
    wait_until(lambda: len(marked(name.words[1])) >= 5)
    assert job.stop(0.5).stop == "confirmed"
    assert not marked(name.words[1])


@pytest.mark.parametrize("trap", ["symlink", "foreign"])
def test_a_root_that_somebody_else_prepared_is_refused(trap: str, tmp_path: Path) -> None:
    root = tmp_path / f"opsconductor-{os.geteuid()}"
    if trap == "symlink":
        (tmp_path / "elsewhere").mkdir()
        root.symlink_to(tmp_path / "elsewhere")
    elif os.geteuid() == 0:
        root.mkdir()
        os.chown(root, 65534, 65534)
    else:
        pytest.skip("only root can give a folder away")
    job = JobDirectory(LocalShell(), JobName(uuid4(), uuid4(), 1), str(tmp_path))
    with pytest.raises(Refused, match=r"symbolic link|another user"):
        job.start(Command(argv=("true",)), deadline_s=5, grace_s=1)


def test_secrets_are_private_files_that_the_end_removes() -> None:
    work = some_work(
        {
            "script": 'ls -ld "$OPSC_SECRETS_DIR"; ls -l "$OPSC_SECRETS_DIR"; ls -a; cat "$OPSC_SECRETS_DIR/key"',
            "secrets": {"key": SecretValue("hunter2hunter2")},
            "stdin": SecretValue("hunter3hunter3"),
            "cwd": "/",
        },
        kind="script",
    )
    sink = Kept()
    result = connector_for("script", "local").run(work, sink)
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", str(work.execution_id), f"{work.step_run_id}-1")
    assert result.exit_code == 0
    assert sink.out.startswith("drwx------")
    assert "-rw-------" in sink.out
    assert sink.out.endswith("hunter2hunter2")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not (folder / "secrets").exists()
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "stdout"]
    assert not [text for text in kept if b"hunter" in text]


def test_a_command_sees_nothing_of_the_worker_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:hunter2@db/x")
    sink = Kept()
    connector_for("command", "local").run(some_work({"argv": ["env"], "env": {"MINE": "1"}}), sink)
    assert "MINE=1" in sink.out
    assert "hunter2" not in sink.out


def test_a_folder_that_is_not_there_is_an_exit_code_of_its_own() -> None:
    sink = Kept()
    result = connector_for("command", "local").run(some_work({"argv": ["true"], "cwd": "/no/such"}), sink)
    assert (result.ended, result.exit_code) == (Ended.FINISHED, 126)
    assert "/no/such" in sink.err


def test_an_invalid_step_starts_nothing() -> None:
    with pytest.raises(NotStarted, match="argv"):
        connector_for("command", "local").run(some_work({"argv": "rm -rf /"}), Kept())
