"""The embedded PostgreSQL of a data folder, shared by every process that needs it and stopped by the last."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from opsconductor.embedded import programs
from opsconductor.embedded.cluster import USER, Cluster
from opsconductor.embedded.programs import EmbeddedPostgresError

__all__ = ["EmbeddedPostgresError", "Running", "database_url", "ensure_running"]

DATABASE = "opsconductor"
SOCKETS = Path("/tmp")  # noqa: S108  (each folder in it is private: owner and mode are checked)
STALE_S = 3600.0


def database_url(data_dir: Path) -> str:
    """The address of the embedded database of a data folder, in django-environ's form; starts nothing."""
    return f"postgres://{USER}@/{_sockets(data_dir)}/{DATABASE}"


class Running:
    """This process's share in the running server. A context manager that ends with `stop_if_last`."""

    def __init__(self, cluster: Cluster, folder: Path, share: int) -> None:
        self.cluster = cluster
        self._folder = folder
        self._share: int | None = share
        self._owner = os.getpid()

    def stop_if_last(self) -> None:
        """Give the share back, and stop the server when nobody else holds one. Does nothing the second time.

        A forked child keeps the server up while it lives, but never stops it.
        """
        if self._share is None or os.getpid() != self._owner:
            return
        with _locked(self._folder / "postgres.start.lock", fcntl.LOCK_EX):
            os.close(self._share)  # not LOCK_UN, which would also take a forked child's share
            self._share = None
            try:
                with _locked(self._folder / "postgres.users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
                    self.cluster.stop()
            except BlockingIOError:
                return  # somebody else's share

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_if_last()


def ensure_running(data_dir: Path) -> Running:
    """Start the server of a data folder unless it runs, make its database, and take a share in it.

    After a crash of the server or of every process that used it, the next call repairs and goes on.

    Raises:
      EmbeddedPostgresError: It cannot be started.
    """
    cluster = Cluster(data=data_dir / "postgres", sockets=_sockets(data_dir))
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _open_for_other_account(data_dir)
        with _locked(data_dir / "postgres.start.lock", fcntl.LOCK_EX):
            if cluster.running_pid() is None:
                _forget_empty_folders()
                cluster.initialise()
                cluster.start()
            cluster.create_database(DATABASE)
            share = _lock(data_dir / "postgres.users.lock", fcntl.LOCK_SH)
    except OSError as problem:
        raise EmbeddedPostgresError(f"{data_dir} cannot hold the embedded database: {problem}.") from problem
    return Running(cluster, data_dir, share)


def _sockets(data_dir: Path) -> Path:
    # Not TMPDIR: every process of the same user must come to the same folder.
    name = hashlib.sha256(os.fsencode(data_dir.absolute())).hexdigest()[:12]
    return SOCKETS / f"opsc-{os.geteuid()}-{name}"


def _forget_empty_folders() -> None:
    """Remove what servers of ours that were killed left behind; one that starts right now makes its folder young."""
    for folder in SOCKETS.glob(f"opsc-{os.geteuid()}-{'[0-9a-f]' * 12}"):
        with suppress(OSError):  # not empty, or not ours
            if time.time() - folder.lstat().st_mtime > STALE_S:
                folder.rmdir()


def _open_for_other_account(data_dir: Path) -> None:
    """Let the account that serves in root's stead pass through our own data folder, and nothing more."""
    if programs.descent().uid != os.geteuid():
        data_dir.chmod(0o711)


def _lock(path: Path, how: int) -> int:
    """A locked descriptor, freed by the kernel when the process dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, how)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    handle = _lock(path, how)
    try:
        yield
    finally:
        os.close(handle)
