"""Pieces of work and sinks for tests of connectors."""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from executions.connectors.base import Target, Work
from safety.cancellation import CancelToken


class Kept:
    """A sink that keeps everything, or from `most` bytes on only counts."""

    def __init__(self, stdout: bytes = b"", stderr: bytes = b"", most: int = 1 << 24) -> None:
        self.data = {"stdout": stdout, "stderr": stderr}
        self.sizes = {"stdout": len(stdout), "stderr": len(stderr)}
        self.largest = 0
        self._most = most

    def write(self, stream: str, data: bytes) -> None:
        self.sizes[stream] += len(data)
        self.largest = max(self.largest, len(data))
        if self.sizes[stream] <= self._most:
            self.data[stream] += data

    def offset(self, stream: str) -> int:
        return self.sizes[stream]

    @property
    def out(self) -> str:
        return self.data["stdout"].decode()

    @property
    def err(self) -> str:
        return self.data["stderr"].decode()


def some_work(
    arguments: Mapping[str, Any],
    *,
    kind: str = "command",
    target: Target | None = None,
    cancel: CancelToken | None = None,
    limit_s: float = 30,
    grace_s: float = 1,
    resume: bool = False,
    step_run_id: UUID | None = None,
    execution_id: UUID | None = None,
) -> Work:
    """Work with ids of its own unless given, due in `limit_s` seconds."""
    return Work(
        execution_id=execution_id or uuid4(),
        step_run_id=step_run_id or uuid4(),
        attempt=1,
        token=7,
        kind=kind,
        arguments=arguments,
        target=target,
        cancel=cancel or CancelToken(),
        deadline=time.monotonic() + limit_s,
        grace_s=grace_s,
        resume=resume,
    )


def wait_until(claim: Any, timeout_s: float = 20) -> None:
    """Poll until `claim()` is true; raises TimeoutError."""
    give_up = time.monotonic() + timeout_s
    while not claim():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not true within {timeout_s:g} s")
        time.sleep(0.01)


def kill_marked(mark: str) -> None:
    """SIGKILL whatever carries the mark, until nothing does: a wrapper may fork between a look and the next."""
    while found := marked(mark):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """Pids of living processes whose environment holds OPSC_STEP=`mark`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rpartition(") ")[2][0]
            if (
                f"OPSC_STEP={mark}".encode() in (folder / "environ").read_bytes().split(b"\0")
                and state not in "ZX"
            ):
                found.append(int(folder.name))
        except OSError:
            continue
    return found
