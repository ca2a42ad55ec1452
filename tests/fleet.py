"""Worker processes and a scheduler of a test's own, on the test database and the test's broker."""

import os
import signal
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from executions.models import Worker
from tests.services.processes import Owned, ServiceUnavailable
from tests.world import until

ROOT = Path(__file__).resolve().parent.parent
LEASE_TTL_S = 2.0
TIMINGS = {
    "OPSC_LEASE_TTL_S": str(LEASE_TTL_S),
    "OPSC_SWEEP_INTERVAL_S": "0.3",
    "OPSC_KILL_GRACE_S": "1",
    "OPSC_DRAIN_S": "5",
}


def database_url() -> str:
    """The address of the database that this pytest process uses, for other processes."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path="/" + quote(str(connection.settings_dict["NAME"]))))


class Fleet:
    """Workers and a scheduler as processes; everything is dead after `stop`, frozen ones too."""

    def __init__(self, broker_url: str, folder: Path) -> None:
        self._folder = folder
        self.env = dict(os.environ) | TIMINGS
        self.env |= {"DATABASE_URL": database_url(), "RABBITMQ_URL": broker_url}
        self.env |= {"SECRET_KEY": settings.SECRET_KEY, "OPSC_MESSAGE_KEY": settings.MESSAGE_KEY}
        self.workers: list[Owned] = []
        self._all: list[Owned] = []

    def start(self, workers: int = 2, threads: int = 4) -> None:
        """Start a scheduler and so many workers, and wait until all have shown themselves."""
        self.add("scheduler")
        for _ in range(workers):
            self.add_worker(threads)
        self.wait_for_workers(workers)

    def add_worker(self, threads: int = 4) -> Owned:
        worker = self.add("worker", "--lane", f"fast,medium,long:{threads}")
        self.workers.append(worker)
        return worker

    def wait_for_workers(self, count: int) -> None:
        try:
            until(lambda: Worker.objects.filter(state="active").count() >= count, timeout_s=30)
        except AssertionError as late:
            raise ServiceUnavailable(f"the workers did not come up: {self.logs()[-3000:]}") from late

    def add(self, *command: str) -> Owned:
        """Run a management command as a process of the fleet."""
        log = self._folder / f"{command[0]}-{len(self._all)}.log"
        process = Owned([sys.executable, ROOT / "manage.py", *command], log=log, env=self.env)
        self._all.append(process)
        return process

    def worker_of(self, name: str) -> Owned:
        """The process behind a worker's name (host:pid:start)."""
        pid = int(name.split(":")[1])
        return next(worker for worker in self.workers if worker.pid == pid)

    def kill(self, worker: Owned) -> None:
        """SIGKILL: nothing is said, nothing is cleaned up."""
        os.kill(worker.pid, signal.SIGKILL)
        worker.process.wait()

    def logs(self) -> str:
        """Everything that every process has logged."""
        return "".join(process.log.read_text() for process in self._all)

    def stop(self) -> None:
        for process in self._all:
            if process.is_alive:
                os.kill(process.pid, signal.SIGCONT)
                os.kill(process.pid, signal.SIGKILL)
                process.process.wait()
