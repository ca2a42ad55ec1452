"""A throwaway PostgreSQL server for tests."""

import dataclasses
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from opsconductor.embedded import cluster, processes, programs
from tests.services.processes import ServiceUnavailable, free_port

DATABASE = "opsconductor"
# Commits survive a kill of the server (the system keeps what was written), not of the machine.
QUICK = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}


class Postgres:
    """A server of its own on 127.0.0.1 with a password; the data goes when it is closed."""

    def __init__(self, settings: Mapping[str, str] = QUICK) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="opsc-pg-"))
        self.password = secrets.token_urlsafe(16)
        # INT asks the postmaster for a fast shutdown; its backends end with it.
        self.cluster = cluster.Cluster(
            data=self.folder / "data",
            sockets=self.folder / "s",
            password=self.password,
            settings=settings,
            wrapper=("setpriv", "--pdeathsig", "INT", "--"),
        )
        if programs.descent().uid != os.geteuid():
            self.folder.chmod(0o711)
        try:
            self.cluster.initialise()
            self._start_on_free_port()
        except programs.EmbeddedPostgresError as problem:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise ServiceUnavailable(str(problem)) from problem

    @property
    def url(self) -> str:
        """Address for DATABASE_URL; the user may create databases."""
        return f"postgres://{cluster.USER}:{self.password}@127.0.0.1:{self.cluster.port}/{DATABASE}"

    @property
    def pid(self) -> int | None:
        """The postmaster's pid while it runs."""
        return self.cluster.running_pid()

    def start(self) -> None:
        """Start again on the same port, with crash recovery after a kill."""
        self.cluster.start()

    def stop(self) -> None:
        """Fast shutdown; clients are disconnected."""
        self.cluster.stop()

    def kill(self) -> None:
        """SIGKILL to the postmaster; its backends end by themselves."""
        pid = self.pid
        assert pid, "PostgreSQL does not run"
        assert processes.end(pid, str(self.cluster.data), [(signal.SIGKILL, 10)])

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it, prove that no process is left, and remove its data."""
        self.cluster.stop()
        assert not processes.working_in(self.cluster.data), "PostgreSQL left processes behind"
        shutil.rmtree(self.folder)

    def _start_on_free_port(self) -> None:
        for attempt in range(5):
            self.cluster = dataclasses.replace(self.cluster, port=free_port())
            try:
                self.cluster.start()
                break
            except programs.EmbeddedPostgresError:
                if attempt == 4:  # a port can be taken between the look and the start
                    raise
        self.cluster.create_database(DATABASE)
