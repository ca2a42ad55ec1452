"""The POSIX sh programs that run on a target, put together from scripts/*.sh."""

from functools import cache
from pathlib import Path

_SCRIPTS = Path(__file__).with_name("scripts")


def _program(*names: str) -> str:
    return "\n".join((_SCRIPTS / f"{name}.sh").read_text() for name in names)


@cache
def start() -> str:
    return _program("root", "start")


@cache
def wrapper() -> str:
    """Watches one command; it travels in the payload and is kept in the job directory."""
    return _program("ending", "wrapper")


@cache
def look() -> str:
    return _program("root", "ending", "look")


@cache
def stop() -> str:
    return _program("root", "ending", "stop")


@cache
def forget() -> str:
    return _program("root", "forget")


@cache
def sweep() -> str:
    return _program("root", "ending", "sweep")
