"""Debian packages for tests: installed by root, else unpacked below .cache/ without any rights."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import ServiceUnavailable, plain_environment

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "debian"
DOWNLOAD_S = 600


def installed(package: str, program: Path) -> Path:
    """Install a package as root unless its program is there; the program.

    Its services are not started (RUNLEVEL tells Debian's scripts so).

    Raises:
      ServiceUnavailable: apt-get failed.
    """
    if not program.exists():
        with _one_at_a_time():
            if not program.exists():
                _run("apt-get", "-qq", "update", purpose=package)
                install = ("apt-get", "-qq", "install", "--yes", "--no-install-recommends", package)
                _run(*install, purpose=package)
    return program


def unpacked(package: str) -> Path:
    """A folder with the files of a package and of all it needs that this machine lacks.

    Downloaded once, shared by all test processes. No maintainer script is run.

    Raises:
      ServiceUnavailable: There is no apt-get, or the download failed.
    """
    folder = CACHE / package
    with _one_at_a_time():
        if not folder.exists():
            half_done = CACHE / f"{package}.new"
            shutil.rmtree(half_done, ignore_errors=True)
            half_done.mkdir(parents=True)
            _download_and_unpack(package, half_done)
            half_done.rename(folder)
    return folder


def _download_and_unpack(package: str, target: Path) -> None:
    # Lists and archives of our own, so that neither root nor a recent `apt-get update` is needed.
    for part in ("state/lists/partial", "cache/archives/partial", "log"):
        (CACHE / "apt" / part).mkdir(parents=True, exist_ok=True)
    options = [f"-oDir::State={CACHE}/apt/state", f"-oDir::Cache={CACHE}/apt/cache"]
    options += [f"-oDir::Log={CACHE}/apt/log", "-oDir::State::status=/var/lib/dpkg/status"]
    options += ["-oAPT::Sandbox::User=", "-oDebug::NoLocking=1", "-qq"]
    _run("apt-get", *options, "update", purpose=package)
    plan = _run(
        "apt-get", *options, "--simulate", "--no-install-recommends", "install", package, purpose=package
    )
    missing = re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", plan, re.MULTILINE)
    wanted = [f"{name}={version}" for name, version in missing] or [package]
    archives = target / "archives"
    archives.mkdir()
    _run("apt-get", *options, "download", *wanted, purpose=package, cwd=archives)
    for archive in sorted(archives.iterdir()):
        _run("dpkg", "-x", archive.name, str(target), purpose=package, cwd=archives)
    shutil.rmtree(archives)


def _run(*argv: str, purpose: str, cwd: Path | None = None) -> str:
    if shutil.which(argv[0]) is None:
        raise ServiceUnavailable(f"{purpose} is missing, and so is {argv[0]} to get it: install {purpose}.")
    environment = {**os.environ, **plain_environment(DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=environment, cwd=cwd, timeout=DOWNLOAD_S
        )
    except subprocess.TimeoutExpired as problem:
        raise ServiceUnavailable(f"{purpose} is missing and did not come in {DOWNLOAD_S} s.") from problem
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise ServiceUnavailable(f"{purpose} is missing (run `apt-get install {purpose}`): {lines[-1]}")
    return done.stdout


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
