"""The port through which job directories are reached, and what may go wrong on the way."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# The programs check who owns the folder below it.
ROOT_BASE = "/var/tmp"  # noqa: S108
_HEADER = re.compile(rb"(?:^|\n)opsc-answer ([^\n]*)\n")


class ShellError(Exception):
    """The target could not be asked."""


class CannotConnect(ShellError):
    """No link to the target: nothing was sent.

    category: where it failed (unreachable, host_key, auth). transient: whether a retry may help.
    """

    def __init__(self, message: str, *, category: str, transient: bool) -> None:
        super().__init__(message)
        self.category, self.transient = category, transient


class LinkBroken(ShellError):
    """The link to the target broke; what was asked may or may not have been done. Asking again is safe."""


class Interrupted(ShellError):
    """The caller gave up waiting because its step was cancelled. `sent`: whether the request may have arrived."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Refused(ShellError):
    """The target's side says, in a sentence, why it does not do this. Nothing was started."""


@dataclass(frozen=True)
class Answer:
    """What a program said: the words of its header line, then raw bytes."""

    words: tuple[str, ...]
    data: bytes

    @classmethod
    def parse(cls, output: bytes, errors: bytes) -> "Answer":
        """Find the header, past whatever a login shell printed before it.

        Raises LinkBroken when there is none, Refused when the program refused.
        """
        found = _HEADER.search(output)
        if found is None:
            said = errors.decode(errors="replace").strip()[-300:]
            raise LinkBroken(f"no answer from the shell of the target: {said or 'nothing was printed'}")
        words = tuple(found[1].decode(errors="replace").split(" "))
        if words[0] == "refused":
            raise Refused(" ".join(words[1:]))
        return cls(words, output[found.end() :])


@dataclass(frozen=True)
class Pace:
    """How often to look, seconds: quickly at first and after news, then ever slower."""

    first_s: float
    longest_s: float


class Shell(Protocol):
    """Runs the programs of a job directory on one target as one user."""

    pace: Pace
    block: int  # most bytes of one stream that a look brings; a multiple of 4096

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        payload: bytes = b"",
        *,
        timeout_s: float,
        interruptible: bool = True,
    ) -> Answer:
        """Run a POSIX sh program with `payload` as its input.

        Raises ShellError; Interrupted only when `interruptible`.
        """

    def look(self, arguments: Sequence[str], *, timeout_s: float, interruptible: bool) -> Answer:
        """Answer as the look program would, perhaps without running it. Raises ShellError."""
