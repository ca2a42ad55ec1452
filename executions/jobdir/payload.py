"""What start sends to the target: a small sh program that unpacks the files of one command."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from executions.jobdir import programs

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SECRET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)


class Unsuitable(ValueError):
    """The command cannot be run as it is written; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command: either `argv`, run without a shell, or a `script` given to `interpreter`.

    cwd: absolute folder to run in, the user's home when empty. secrets: file name to content.
    """

    argv: tuple[str, ...] = ()
    script: str | None = None
    interpreter: str = "/bin/sh"
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        program = self.interpreter if self.script is not None else next(iter(self.argv), "")
        if not program or program.startswith("-"):
            raise Unsuitable("the program to run must have a name that does not begin with '-'")
        for name in self.env:
            if not _NAME.fullmatch(name) or name.startswith("OPSC_"):
                raise Unsuitable(f"env: {name!r} cannot be the name of a variable")
        for name in self.secrets:
            if not _SECRET_NAME.fullmatch(name):
                raise Unsuitable(f"secrets: {name!r} cannot be the name of a file (letters, digits, _ . -)")
        texts = (*self.argv, self.script or "", self.interpreter, self.cwd, *self.env.values())
        if any("\0" in text for text in (*texts, *self.secrets.values(), self.stdin or "")):
            raise Unsuitable("a NUL character cannot be handed to a command")


def quote(text: str) -> str:
    """One word of POSIX sh that means exactly `text`: the only quoting there is."""
    return shlex.quote(text)


def pack(command: Command) -> bytes:
    """The program that writes the command's files, all values quoted; useless when cut off anywhere."""
    files = {"wrapper": programs.wrapper(), "command": _launcher(command)}
    if command.script is not None:
        files["script"] = command.script
    if command.stdin is not None:
        files["stdin"] = command.stdin
    files |= {f"secrets/{name}": value for name, value in command.secrets.items()}
    lines = ["unpack() {", ":"]
    if command.secrets:
        lines.append("mkdir secrets || return 1")
    lines += [f"printf %s {quote(text)} >{quote(name)} || return 1" for name, text in files.items()]
    lines += ["}", "complete=yes", ""]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _launcher(command: Command) -> str:
    words = [command.interpreter] if command.script is not None else list(command.argv)
    line = "exec " + " ".join(map(quote, words))
    if command.script is not None:
        line += ' "$job/script"'
    folder = (
        f"cd -- {quote(command.cwd)} || exit 126" if command.cwd else 'cd "${HOME:-/}" 2>/dev/null || cd /'
    )
    exports = [f"export {name}={quote(value)}" for name, value in command.env.items()]
    return "\n".join(['umask "$1"', "job=$PWD", folder, *exports, line, ""])
