"""Looking at and ending processes by pid without hitting a stranger that got the same number."""

import os
import select
import signal
from pathlib import Path


def command_line(pid: int) -> list[str]:
    """The arguments of a live process; empty for one that is gone or a zombie."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def working_in(folder: Path) -> list[int]:
    """Pids of the processes, as far as this user may see them, whose current directory is `folder`."""
    wanted = folder.resolve()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            here = (entry / "cwd").readlink()
        except OSError:  # gone meanwhile, or another user's
            continue
        if here == wanted:
            found.append(int(entry.name))
    return found


def end(pid: int, expected: str, steps: list[tuple[signal.Signals, float]]) -> bool:
    """Send each signal in turn, waiting so many seconds after it; true once the process is gone.

    Nothing is sent unless `expected` is among the arguments of the process when its pid is already pinned.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if expected not in command_line(pid):
            return True
        for number, patience_s in steps:
            try:
                signal.pidfd_send_signal(handle, number)
            except ProcessLookupError:
                return True
            if gone(handle, patience_s):
                return True
        return False
    finally:
        os.close(handle)
        reap(pid)


def gone(handle: int, patience_s: float) -> bool:
    """Whether the process behind a pidfd ends within so many seconds (a zombie counts as ended)."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(patience_s * 1000))


def reap(pid: int) -> int | None:
    """Collect a finished child; its exit code, or None when it still runs or is not our child."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None
