"""Looks again and again, while the run goes on, at what is gone afterwards."""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.fleet import database_url
from tests.leaks.searching import Place

# Programs by which Python looks for a shared library (ctypes.util.find_library, when asyncssh is loaded): they are
# given the environment of the process that looks, and nobody but its own account can read it.
LOOKS_FOR_LIBRARY = re.compile(r"(?:^|-)(?:gcc|collect2|ld)(?:$|[-.])")
EVERY_S = 0.2
QUERIES = "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()"


class Sampler:
    """Collects command lines, environments and the texts of statements until `stop`.

    `handed_over`: the environments of our own processes, which hold secrets on purpose. A child that has not
    yet become another program still looks like its parent and counts as it. What other processes of the same test
    run have started is no part of the hunt: it holds the keys that all of them share.
    """

    def __init__(self) -> None:
        self.handed_over: set[bytes] = set()
        self._own = Path(f"/proc/{os.getpid()}/cmdline").read_bytes()
        self._seen: dict[str, set[tuple[str, bytes]]] = {"/proc": set(), "pg_stat_activity": set()}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    def places(self) -> list[Place]:
        return [Place(kind, name, seen) for kind, found in self._seen.items() for name, seen in sorted(found)]

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(database_url(), autocommit=True) as connection:
            while not self._stopped.wait(EVERY_S):
                rows = connection.execute(QUERIES).fetchall()
                self._seen["pg_stat_activity"] |= {("sampled", row[0].encode()) for row in rows if row[0]}
                for folder in Path("/proc").glob("[0-9]*"):
                    with suppress(OSError):
                        self._look_at(folder)

    def _look_at(self, folder: Path) -> None:
        if self._is_of_another_test_process(folder):
            return
        before = (folder / "cmdline").read_bytes()
        environment = (folder / "environ").read_bytes()
        command = (folder / "cmdline").read_bytes()
        program = (folder / "exe").readlink().name  # for the report: never what stands in its command line
        self._seen["/proc"].add((program, command))
        is_becoming_another = not command or command != before
        if b"manage.py" in command:
            self.handed_over.add(environment)
        elif command != self._own and not is_becoming_another and not LOOKS_FOR_LIBRARY.search(program):
            self._seen["/proc"].add((program, environment))

    def _is_of_another_test_process(self, folder: Path) -> bool:
        """Whether it, or what started it, is a sibling of this process: another one with our command line."""
        pid = int(folder.name)
        while pid > 1 and pid != os.getpid():
            if Path(f"/proc/{pid}/cmdline").read_bytes() == self._own and not self._is_a_fork(pid):
                return True
            pid = _parent(pid)
        return False

    def _is_a_fork(self, pid: int) -> bool:
        """A child of ours that has not yet become another program has our command line, too."""
        return _parent(pid) == os.getpid()


def _parent(pid: int) -> int:
    """The parent's pid: the second word after the name, which stands in brackets and may hold anything."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
