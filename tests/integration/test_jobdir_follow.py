"""Output is followed whole, once, in bounded memory, across workers that die."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from executions.connectors.base import Ended
from executions.connectors.registry import connector_for
from executions.jobdir import Command, JobDirectory, JobName, Progress
from executions.jobdir.directory import sweep
from executions.jobdir.local import LocalShell
from tests.jobs import Kept, some_work, wait_until

LOCAL = connector_for("command", "local")
WORKER = """
import sys, uuid
from executions.connectors.registry import connector_for
from tests.jobs import some_work

class Printed:
    def write(self, stream, data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    def offset(self, stream):
        return 0

ids = [uuid.UUID(word) for word in sys.argv[1:3]]
work = some_work({"script": sys.argv[3]}, kind="script", execution_id=ids[0], step_run_id=ids[1])
print(connector_for("script", "local").run(work, Printed()))
"""


def test_output_is_whole_and_single_after_the_worker_was_killed(tmp_path: Path) -> None:
    script = f"""
    echo run >>{tmp_path}/runs
    seq 1 2000; echo oops >&2
    while [ ! -e {tmp_path}/go ]; do sleep 0.02; done
    seq 2001 4000; exit 5
    """
    ids = uuid4(), uuid4()
    argv = [sys.executable, "-c", WORKER, *map(str, ids), script]
    worker = subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "opsconductor.settings", "PYTHONPATH": str(Path.cwd())},
    )
    assert worker.stdout is not None
    stored = worker.stdout.read(3000)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    (tmp_path / "go").touch()
    sink = Kept(stdout=stored)
    again = some_work({"script": script}, kind="script", resume=True, execution_id=ids[0], step_run_id=ids[1])
    result = LOCAL.run(again, sink)
    assert (result.ended, result.exit_code) == (Ended.FINISHED, 5)
    assert sink.out == "".join(f"{number}\n" for number in range(1, 4001))
    assert sink.err == "oops\n"
    assert (tmp_path / "runs").read_text() == "run\n"


def test_two_hundred_megabytes_of_output_leave_memory_flat() -> None:
    sink = Kept(most=0)
    LOCAL.run(some_work({"argv": ["true"]}), Kept())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work = some_work({"script": "head -c 209715200 /dev/zero; exit 9"}, kind="script", limit_s=60)
    result = LOCAL.run(work, sink)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    LOCAL.forget(work)
    assert (result.exit_code, sink.sizes["stdout"]) == (9, 209_715_200)
    assert sink.largest <= 65_536
    assert grown_kib < 32 * 1024


def test_looking_by_program_and_by_file_gives_the_same_bytes() -> None:
    """SSH looks by program, local work by reading files: the two may not differ."""

    class ByProgram(LocalShell):
        def look(self, arguments, *, timeout_s, interruptible):  # type: ignore[no-untyped-def]
            from executions.jobdir import programs

            return self.run(programs.look(), arguments, timeout_s=timeout_s)

    name = JobName(uuid4(), uuid4(), 1)
    direct, asked = (JobDirectory(shell, name) for shell in (LocalShell(), ByProgram()))
    assert direct.look(0, 0) == asked.look(0, 0)
    direct.start(Command(script="seq 1 200000; seq 5 >&2; exit 4"), deadline_s=30, grace_s=1)
    wait_until(lambda: direct.look(0, 0).progress is Progress.FINISHED)
    for offsets in ((0, 0), (1, 3), (4095, 10), (4096, 0), (5000, 9), (700_001, 10), (1 << 21, 99)):
        one, other = direct.look(*offsets), asked.look(*offsets)
        shorter = min(len(one.stdout), len(other.stdout))
        assert one == other, f"differs at {offsets} after {shorter} bytes"


def test_a_signal_is_told_beside_the_exit_code() -> None:
    result = LOCAL.run(some_work({"argv": ["sh", "-c", "kill -9 $$"]}), Kept())
    assert (result.exit_code, result.detail) == (137, "ended by signal 9")


def test_forgetting_keeps_only_what_bars_another_start() -> None:
    work = some_work({"argv": ["echo", "hunter2"]})
    LOCAL.run(work, Kept())
    LOCAL.forget(work)
    folder = Path(f"/var/tmp/opsconductor-{os.geteuid()}", str(work.execution_id), f"{work.step_run_id}-1")
    assert {path.name for path in folder.iterdir()} == {"started", "process", "leader", "exit"}


def test_old_directories_are_swept_unless_their_work_goes_on(tmp_path: Path) -> None:
    names = [JobName(uuid4(), uuid4(), 1) for _ in range(3)]
    jobs = [JobDirectory(LocalShell(), name, str(tmp_path)) for name in names]
    jobs[0].start(Command(argv=("true",)), deadline_s=30, grace_s=1)
    jobs[1].start(Command(argv=("sleep", "300")), deadline_s=30, grace_s=1)
    jobs[2].start(Command(argv=("true",)), deadline_s=30, grace_s=1)
    wait_until(lambda: all(jobs[number].look(0, 0).progress is Progress.FINISHED for number in (0, 2)))
    folders = [next(tmp_path.glob("opsconductor-*")).joinpath(*name.words) for name in names]
    wait_until(lambda: (folders[1] / "leader").exists())
    for folder in folders[:2]:
        os.utime(folder, (0, 0))
    assert sweep(LocalShell(), 2, str(tmp_path)) == 1
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert not folders[0].parent.exists()
    assert jobs[1].stop(0.2).stop == "confirmed"
