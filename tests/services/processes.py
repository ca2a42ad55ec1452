"""Processes that belong to the test run: they end with it, and their end is proven."""

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from opsconductor.embedded import processes as by_pid

# The kernel ends the program when its parent thread ends, however that happens.
DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
# Below the range from which the kernel takes ports for outgoing connections.
PORTS = range(20_000, 32_000)


class ServiceUnavailable(Exception):
    """A service that tests need cannot be had; the message says in one line how to get it."""


class Owned:
    """A child process, in a session of its own, that writes to `log`."""

    def __init__(
        self, argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str], prefix: Sequence[str] = ()
    ) -> None:
        self.name = Path(argv[0]).name
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*prefix, *DIES_WITH_PARENT, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=log.parent,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait for `ready`; raises ServiceUnavailable, with its last words, when it never gets there."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.is_alive or time.monotonic() > deadline:
                state = (
                    f"exit {self.process.returncode}"
                    if not self.is_alive
                    else f"not ready in {timeout_s:g} s"
                )
                raise ServiceUnavailable(f"{self.name} did not start ({state}): {last_words(self.log)}")
            time.sleep(0.02)

    def end(self, *signals: signal.Signals, patience_s: float = 20) -> None:
        """Send the signals in turn (KILL last, always), reap it, and prove that it is gone."""
        for number in (*signals, signal.SIGKILL):
            if not self.is_alive:
                break
            self.process.send_signal(number)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
        assert not by_pid.command_line(self.pid), f"{self.name} (pid {self.pid}) outlived KILL"


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def last_words(log: Path) -> str:
    """The last line of a log that is not empty."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def plain_environment(**more: str) -> dict[str, str]:
    """A small environment that carries nothing of the caller's over."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "LC_ALL": "C.UTF-8", "TZ": "UTC", **more}
