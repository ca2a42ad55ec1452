"""Keeps worker processes running: one child each, a dead one is replaced, all are drained at the end."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from executions.fleet import lanes
from executions.fleet.crew import HAND_OVER_S
from executions.fleet.parent import Parent
from executions.fleet.signals import Signals

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 30.0
STABLE_AFTER_S = 60.0  # a child that lived so long starts over with the first backoff
LOOK_S = 0.5
GRACE_S = 10.0  # beyond what a child may take by its own limits


@dataclass(frozen=True)
class Change:
    """Something that happened to a child."""

    event: str  # started, ended, stopping, killed
    place: int
    pid: int
    code: int | None = None


@dataclass
class _Child:
    """A place in the fleet and the process that fills it now. Times are time.monotonic() values."""

    place: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    backoff_s: float = FIRST_BACKOFF_S
    last_code: int | None = None


class Supervisor:
    """Runs in the main thread of its process, and waits for signals there."""

    def __init__(
        self, workers: int, threads: int, on_change: Callable[[Change], None], parent: int = 0
    ) -> None:
        """`parent` is the pid of the process with which the fleet is to end; 0 when it stands alone."""
        self._children = [_Child(place) for place in range(workers)]
        self._threads = threads
        self._parent_pid = parent
        self._on_change = on_change

    def run(self) -> int:
        """Keep the children running until SIGTERM or SIGINT, then drain them.

        Returns: 0 when every child ended by itself with nothing left running, else 1.
        """
        signals = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        parent, asked = Parent(self._parent_pid), False
        while not asked and not parent.is_gone:
            for child in self._children:
                self._look_after(child)
            asked = signals.next(LOOK_S) in (signal.SIGTERM, signal.SIGINT)
        return self._drain(signals)

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            if child.process.poll() is None:
                return
            self._record_end(child)
            if now - child.started >= STABLE_AFTER_S:
                child.backoff_s = FIRST_BACKOFF_S
            child.start_at = now + child.backoff_s
            child.backoff_s = min(child.backoff_s * 2, LONGEST_BACKOFF_S)
        if now >= child.start_at:
            self._start(child)

    def _start(self, child: _Child) -> None:
        of_child = lanes.of_process(child.place, len(self._children), self._threads)
        # A session of its own: Ctrl-C in a terminal goes to the supervisor only, which then drains in order.
        child.process = subprocess.Popen(  # noqa: S603  our own program
            [
                sys.executable,
                str(settings.BASE_DIR / "manage.py"),
                "worker",
                *(f"--lane={lane}" for lane in of_child),
                f"--parent={os.getpid()}",
            ],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        child.started = time.monotonic()
        self._tell(Change("started", child.place, child.process.pid))

    def _drain(self, signals: Signals) -> int:
        running = [child for child in self._children if child.process is not None]
        for child in running:
            self._send(child, signal.SIGTERM, "stopping")
        until = time.monotonic() + settings.OPSC["DRAIN_S"] + HAND_OVER_S + GRACE_S
        while time.monotonic() < until and self._reap(running):
            if signals.next(LOOK_S) in (signal.SIGTERM, signal.SIGINT):
                for child in running:
                    self._send(child, signal.SIGTERM, "stopping")
                until = min(until, time.monotonic() + GRACE_S)
        for child in running:
            self._send(child, signal.SIGKILL, "killed")
            if child.process is not None:
                child.process.wait()
                self._record_end(child)
        return 0 if all(child.last_code == 0 for child in running) else 1

    def _reap(self, children: list[_Child]) -> bool:
        """Collect those that have ended; whether one still runs."""
        for child in children:
            if child.process is not None and child.process.poll() is not None:
                self._record_end(child)
        return any(child.process is not None for child in children)

    def _record_end(self, child: _Child) -> None:
        if child.process is not None:
            child.last_code = child.process.returncode
            self._tell(Change("ended", child.place, child.process.pid, child.process.returncode))
            child.process = None

    def _send(self, child: _Child, number: signal.Signals, event: str) -> None:
        if child.process is not None and child.process.poll() is None:
            child.process.send_signal(number)
            self._tell(Change(event, child.place, child.process.pid))

    def _tell(self, change: Change) -> None:
        level = logging.WARNING if change.event == "killed" or change.code else logging.INFO
        logger.log(level, "worker process %s", change.event, extra=_fields(change))
        self._on_change(change)


def _fields(change: Change) -> dict[str, int | None]:
    return {"place": change.place, "worker_pid": change.pid, "exit_code": change.code}
