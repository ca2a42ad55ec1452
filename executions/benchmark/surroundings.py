"""A database and processes of the benchmark's own, gone when it ends."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections

from executions.benchmark.figures import NothingMeasured
from executions.models import Asset, Worker
from safety.choices import Role
from safety.models import Membership, Tenant

START_S = 30.0
CONNECT_S = 0.5  # for the threads of a loaded process to connect
THREADS = 8  # of each worker process, and of each process of the psycopg baseline
PROCESSES = 2
GIVEN = ("DATABASE_URL", "RABBITMQ_URL", "SECRET_KEY", "OPSC_MESSAGE_KEY")


@contextmanager
def throwaway_database() -> Iterator[str]:
    """Make a database beside the configured one, migrate it and point this process at it.

    Yields: its address for other processes. It is dropped at the end, whatever happened.
    """
    name, configured = f"opsc_bench_{os.getpid()}", str(connection.settings_dict["NAME"])
    _execute(f'CREATE DATABASE "{name}"')
    try:
        _use_database(name)
        call_command("migrate", verbosity=0, interactive=False)
        parts = urlsplit(settings.DATABASE_URL)
        yield urlunsplit(parts._replace(path="/" + quote(name)))
    finally:
        _use_database(configured)
        _execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _use_database(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def make_people() -> tuple[Tenant, User]:
    """A tenant with one operator and this machine as an asset."""
    tenant = Tenant.objects.create(slug="bench", name="Benchmark")
    user = User.objects.create(username="bench")
    user.set_unusable_password()
    user.save()
    Membership.objects.create(tenant=tenant, user=user, role=Role.OPERATOR)
    Asset.objects.create(tenant=tenant, name="this-machine", connection=Asset.Connection.LOCAL)
    return tenant, user


class Processes:
    """Child processes with their own log files; all of them are ended at the end of the block."""

    def __init__(self, database_url: str) -> None:
        kept = {key: value for key, value in os.environ.items() if key.removesuffix("_FILE") not in GIVEN}
        self._env = kept | {
            "DATABASE_URL": database_url,
            "RABBITMQ_URL": settings.RABBITMQ_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "OPSC_MESSAGE_KEY": settings.MESSAGE_KEY,
            "OPSC_LOG_LEVEL": "WARNING",
        }
        self._folder = tempfile.TemporaryDirectory(prefix="opsc-bench-")
        self._all: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._all:
            process.terminate()
        for process in self._all:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
        self._folder.cleanup()

    def manage(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a management command."""
        return self._start([str(settings.BASE_DIR / "manage.py"), *arguments])

    def module(self, name: str, /, **arguments: Any) -> subprocess.Popen[str]:
        """Start a module of this package; it gets the arguments as JSON and prints its result as JSON."""
        return self._start(["-m", f"{__package__}.{name}", json.dumps(arguments)])

    def _start(self, argv: list[str]) -> subprocess.Popen[str]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  our own programs
                [sys.executable, *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._env,
                cwd=settings.BASE_DIR,
            )
        self._all.append(process)
        return process

    @property
    def log(self) -> Path:
        """What every process wrote on its standard error."""
        return Path(self._folder.name) / "stderr.log"

    def start_together(self, processes: Sequence[subprocess.Popen[str]]) -> float:
        """Wait until every process is loaded, and have all begin a moment later; that moment (time.time())."""
        for process in processes:
            loaded = process.stdout and select.select([process.stdout], [], [], START_S)[0]
            if not loaded or process.stdout is None or process.stdout.readline() != "ready\n":
                raise NothingMeasured(f"a process of the benchmark did not start: {self.last_words()}")
        start_at = time.time() + CONNECT_S
        for process in processes:
            if process.stdin:
                process.stdin.write(f"{start_at}\n")
                process.stdin.flush()
        return start_at

    def result_of(self, process: subprocess.Popen[str], timeout_s: float) -> dict[str, Any]:
        """Wait for the process's end and read what it printed. Raises NothingMeasured when it failed."""
        try:
            printed, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise NothingMeasured(f"a process of the benchmark did not end within {timeout_s:g} s") from None
        if process.returncode != 0 or not printed.strip():
            raise NothingMeasured(f"a process of the benchmark failed: {self.last_words()}")
        result: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        return result

    def start_workers(self) -> list[subprocess.Popen[str]]:
        """A scheduler and two worker processes on the queues, once they have shown themselves."""
        self.manage("scheduler")
        lane = f"--lane=fast,medium,long:{THREADS}"
        workers = [self.manage("worker", lane, f"--parent={os.getpid()}") for _ in range(PROCESSES)]
        alive = Worker.objects.filter(state=Worker.State.ACTIVE)
        wait_until(
            lambda: alive.count() >= PROCESSES or any(worker.poll() is not None for worker in workers),
            START_S,
            self.last_words,
        )
        if any(worker.poll() is not None for worker in workers):
            raise NothingMeasured(f"a worker process ended: {self.last_words()}")
        return workers

    def last_words(self) -> str:
        """The end of what the processes wrote on their standard error."""
        return self.log.read_text(errors="replace")[-600:].strip() or "it said nothing"


def wait_until(holds: Callable[[], bool], timeout_s: float, why: Callable[[], str]) -> None:
    """Ask ten times a second. Raises NothingMeasured with what `why` tells."""
    until = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() >= until:
            raise NothingMeasured(f"nothing more happened within {timeout_s:g} s: {why()}")
        time.sleep(0.1)
