"""Turn a step's resolved arguments into a command, refusing what would expose a secret."""

from collections.abc import Mapping
from typing import Any

from executions.connectors.base import NotStarted, Work
from executions.jobdir import Command, Unsuitable

_ALLOWED = {
    "command": {"argv", "cwd", "env", "secrets", "stdin"},
    "script": {"script", "interpreter", "cwd", "env", "secrets", "stdin"},
}


def invalid(message: str) -> NotStarted:
    """The step itself is wrong: nothing happened and repeating it would not help."""
    return NotStarted(message, category="invalid", transient=False)


def revealed(value: Any, name: str) -> str:
    """A plain string or the content of a SecretValue. Raises NotStarted for anything else."""
    if not isinstance(value, str) and hasattr(value, "reveal"):
        value = value.reveal()
    if not isinstance(value, str):
        raise invalid(f"{name}: must be a string")
    return value


def command_of(work: Work) -> Command:
    """The command that a `command` or `script` step describes. Raises NotStarted."""
    given = work.arguments
    allowed = _ALLOWED.get(work.kind, set())
    if unknown := sorted(set(given) - allowed):
        raise invalid(f"{unknown[0]}: a {work.kind} step does not take this")
    try:
        return Command(
            argv=_argv(given) if work.kind == "command" else (),
            script=_plain(given.get("script"), "script") if work.kind == "script" else None,
            interpreter=_plain(given.get("interpreter", "/bin/sh"), "interpreter"),
            cwd=_plain(given.get("cwd", ""), "cwd"),
            env={name: _plain(value, f"env.{name}") for name, value in _mapping(given, "env").items()},
            secrets={
                name: revealed(value, f"secrets.{name}") for name, value in _mapping(given, "secrets").items()
            },
            stdin=None if given.get("stdin") is None else revealed(given["stdin"], "stdin"),
        )
    except Unsuitable as error:
        raise invalid(str(error)) from error


def _argv(given: Mapping[str, Any]) -> tuple[str, ...]:
    argv = given.get("argv")
    if not isinstance(argv, list | tuple) or not argv:
        raise invalid("argv: must be a list of strings, the program first")
    return tuple(_plain(word, f"argv[{number}]") for number, word in enumerate(argv))


def _mapping(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name) or {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise invalid(f"{name}: must map names to strings")
    return value


def _plain(value: Any, name: str) -> str:
    if not isinstance(value, str):
        hint = (
            " that is no secret: hand secrets over in `secrets` or `stdin`"
            if hasattr(value, "reveal")
            else ""
        )
        raise invalid(f"{name}: must be a string{hint}")
    return value
