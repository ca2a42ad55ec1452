"""One PostgreSQL data folder: made, started and stopped without PostgreSQL's own wrappers."""

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from opsconductor.embedded import processes, programs
from opsconductor.embedded.programs import EmbeddedPostgresError

USER = "opsconductor"
READY_S = 60.0
ORPHANS_S = 15.0
STOP_STEPS = [(signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)]  # fast shutdown, then an immediate one
CLEAN_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Cluster:
    """A data folder and how to serve it.

    Args:
      data: PGDATA.
      sockets: Private folder of the unix socket; its path is short, a socket's may have 107 bytes.
      port: Number in the socket's name, and the TCP port on 127.0.0.1 when there is a password.
      password: Makes the server listen on 127.0.0.1 and ask for it there; without one there is no TCP.
      settings: Further server settings.
      wrapper: Program and arguments to put right before `postgres`, which it must exec.
    """

    data: Path
    sockets: Path
    port: int = 5432
    password: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()

    @property
    def log(self) -> Path:
        """What the server wrote since its last start."""
        return self.data.with_name(f"{self.data.name}.log")

    def running_pid(self) -> int | None:
        """The pid of the live postmaster that serves this folder, else None."""
        pid = self._noted()[0]
        return pid if pid and str(self.data) in processes.command_line(pid) else None

    def initialise(self) -> None:
        """Make the data folder unless it is there; half-made ones never count (they have another name)."""
        if self.data.exists():
            self._refuse_foreign_folder()
            return
        half_made = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(half_made, ignore_errors=True)
        descent = programs.descent()
        half_made.mkdir(mode=0o700)
        os.chown(half_made, descent.uid, -1)
        argv: list[str | Path] = [
            *descent.prefix,
            programs.find() / "initdb",
            "--pgdata",
            half_made,
            "--username",
            USER,
        ]
        argv += ["--encoding=UTF8", "--no-locale", "--no-instructions", "--auth-local=trust"]
        argv.append("--auth-host=scram-sha-256" if self.password else "--auth-host=reject")
        if self.settings.get("fsync") == "off":
            argv.append("--no-sync")
        made = subprocess.run(  # noqa: S603  (programs found by us, no shell)
            argv,
            capture_output=True,
            text=True,
            check=False,
            env=CLEAN_ENVIRONMENT,
            cwd="/",
        )
        if made.returncode:
            shutil.rmtree(half_made, ignore_errors=True)
            raise EmbeddedPostgresError(f"initdb failed: {_last_line(made.stderr or made.stdout)}")
        half_made.rename(self.data)

    def start(self) -> int:
        """Serve the folder in a session of its own and wait until it answers; the postmaster's pid.

        Raises:
          EmbeddedPostgresError: It did not come up.
        """
        self._forget_crashed_server()
        descent = programs.descent()
        private_folder(self.sockets, descent.uid)
        major = int((self.data / "PG_VERSION").read_text())
        argv = [*descent.prefix, *self.wrapper, str(programs.find(major) / "postgres"), "-D", str(self.data)]
        for name, value in self._all_settings().items():
            argv += ["-c", f"{name}={value}"]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        pid = os.posix_spawnp(
            argv[0],
            argv,
            CLEAN_ENVIRONMENT,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        self._wait_until_ready(pid)
        return pid

    def stop(self) -> None:
        """End the server, if it runs, in an orderly way, and remove its folder of sockets; clients are disconnected.

        Raises:
          EmbeddedPostgresError: It is still there after 40 seconds.
        """
        pid = self.running_pid()
        if pid and not processes.end(pid, str(self.data), STOP_STEPS):
            raise EmbeddedPostgresError(f"PostgreSQL (pid {pid}) on {self.data} does not stop.")
        with suppress(OSError):  # somebody else put something into it
            self.sockets.rmdir()

    def create_database(self, name: str) -> None:
        """Make a database unless it is there, and set the password; proves that the server answers."""
        try:
            with psycopg.connect(
                host=str(self.sockets),
                port=self.port,
                user=USER,
                dbname="postgres",
                autocommit=True,
                connect_timeout=10,
            ) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                if self.password:
                    role, password = sql.Identifier(USER), sql.Literal(self.password)
                    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, password))
        except psycopg.OperationalError as problem:
            raise EmbeddedPostgresError(
                f"PostgreSQL on {self.data} does not answer: {_last_line(str(problem))}"
            ) from problem

    def _all_settings(self) -> dict[str, str]:
        return {
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "listen_addresses": "127.0.0.1" if self.password else "",
            "port": str(self.port),
            "max_connections": "200",
            "log_min_error_statement": "panic",  # statements may hold values that belong in no log
            **self.settings,
        }

    def _noted(self) -> tuple[int, str]:
        """Pid and status word of postmaster.pid; (0, "") without a readable one."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return 0, ""
        pid = int(lines[0]) if lines and lines[0].strip().isdecimal() else 0
        return pid, lines[7].strip() if len(lines) > 7 else ""

    def _wait_until_ready(self, pid: int) -> None:
        deadline = time.monotonic() + READY_S
        while self._noted() != (pid, "ready"):
            if (code := processes.reap(pid)) is not None:
                last_words = _last_line(self.log.read_text(errors="replace"))
                raise EmbeddedPostgresError(f"PostgreSQL did not start (exit {code}): {last_words}")
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL is not ready after {READY_S:g} s; see {self.log}.")
            time.sleep(0.01)

    def _forget_crashed_server(self) -> None:
        """Remove the lock files of a dead postmaster, whose pid may be a zombie or a stranger's by now.

        PostgreSQL itself would refuse to start then. The folder must be free of orphaned backends first.
        """
        socket = self.sockets / f".s.PGSQL.{self.port}"
        deadline = time.monotonic() + ORPHANS_S
        while left := processes.working_in(self.data):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"A crashed PostgreSQL's processes still use {self.data}: {left}."
                )
            time.sleep(0.05)
        for left_over in (self.data / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
            left_over.unlink(missing_ok=True)

    def _refuse_foreign_folder(self) -> None:
        owner = self.data.stat().st_uid
        if owner != (uid := programs.descent().uid):
            raise EmbeddedPostgresError(
                f"{self.data} belongs to uid {owner}, not {uid}: run as that user or set OPSC_DATA_DIR."
            )


def private_folder(path: Path, uid: int) -> None:
    """Make a folder that only `uid` (and root) can enter, or check that it is one; its age begins anew.

    Raises:
      EmbeddedPostgresError: Somebody else made it, it is a link, or it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        is_folder, is_shut = stat.S_ISDIR(found.st_mode), not stat.S_IMODE(found.st_mode) & 0o077
        if is_folder and found.st_uid == os.geteuid():
            path.chmod(0o700)
            os.chown(path, uid, -1)
        elif not is_folder or found.st_uid != uid or not is_shut:
            raise EmbeddedPostgresError(f"{path} is not a private folder of uid {uid}: remove it.")
        os.utime(path)
    except OSError as problem:
        raise EmbeddedPostgresError(f"{path} cannot be used: {problem.strerror}.") from problem


def _last_line(text: str) -> str:
    """The last line, or the last one that names the reason where a log goes on after it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in reversed(lines) if "FATAL" in line or "PANIC" in line), lines[-1])
