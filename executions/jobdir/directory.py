"""One job directory: start its command once, look, stop, forget."""

import math
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from executions.jobdir import payload, programs
from executions.jobdir.shell import ROOT_BASE, LinkBroken, Shell

_ASK_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 40.0  # beside three times the grace


@dataclass(frozen=True)
class JobName:
    """What the directory's name derives from; nothing random is in it."""

    execution_id: UUID
    step_run_id: UUID
    attempt: int

    @property
    def words(self) -> tuple[str, str]:
        return str(self.execution_id), f"{self.step_run_id}-{self.attempt}"


class Progress(StrEnum):
    """What a look finds."""

    NEVER_STARTED = "never_started"
    STARTING = "starting"  # claimed, but no process has written its name yet
    RUNNING = "running"
    FINISHED = "finished"
    DEADLINE_CONFIRMED = "deadline-confirmed"  # the target's own deadline ended it, and all of it
    DEADLINE_UNCONFIRMED = "deadline-unconfirmed"
    GONE = "gone"  # started, nobody works on it any more, no exit code


@dataclass(frozen=True)
class Glance:
    """One look: progress, exit code (once over), sizes in bytes and the output past the offsets asked for."""

    progress: Progress
    exit_code: int | None
    cancelled: bool
    stdout_size: int
    stderr_size: int
    stdout: bytes
    stderr: bytes


class Stop(StrEnum):
    """What came of stopping."""

    NEVER_STARTED = "never_started"  # and it never will be
    FINISHED = "finished"  # it had ended by itself before
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True)
class StopAnswer:
    """How stopping ended; `survivors` are the pids (or -group) that would not die."""

    stop: Stop
    survivors: str = ""

    @property
    def remains(self) -> str:
        """What is known to be left after an unconfirmed stop."""
        return f"still alive: {self.survivors}" if self.survivors else "what watches over it does not end"


class JobDirectory:
    """Reaches one job directory through a shell. Every call may raise ShellError."""

    def __init__(self, shell: Shell, name: JobName, base: str = ROOT_BASE) -> None:
        self._shell = shell
        self._where = (base, *name.words)

    def start(
        self,
        command: payload.Command,
        *,
        deadline_s: float,
        grace_s: float,
        timeout_s: float = _ASK_TIMEOUT_S,
    ) -> bool:
        """Start the command unless this directory was ever started; whether this call did it.

        deadline_s: seconds after which the target ends the work by itself. timeout_s: for the answer.
        """
        limits = (str(max(1, math.ceil(deadline_s))), str(math.ceil(grace_s * 10)))
        sent = payload.pack(command)
        where = (*self._where, *limits)
        answer = self._shell.run(programs.start(), where, sent, timeout_s=timeout_s)
        return answer.words[0] == "started"

    def look(
        self,
        stdout_offset: int,
        stderr_offset: int,
        *,
        timeout_s: float = _ASK_TIMEOUT_S,
        interruptible: bool = True,
    ) -> Glance:
        """What goes on now, with a bounded block of each stream from the given byte on."""
        offsets = (stdout_offset, stderr_offset)
        arguments = (*self._where, *map(str, offsets), str(self._shell.block))
        answer = self._shell.look(arguments, timeout_s=timeout_s, interruptible=interruptible)
        progress, code, cancelled, *numbers = answer.words
        out_size, err_size, out, err = map(int, numbers)
        if len(answer.data) != out + err:
            raise LinkBroken(f"{len(answer.data)} bytes came instead of {out + err}")
        return Glance(
            progress=Progress(progress),
            exit_code=None if code == "-" else int(code),
            cancelled=cancelled == "1",
            stdout_size=out_size,
            stderr_size=err_size,
            stdout=answer.data[:out][stdout_offset % 4096 :],
            stderr=answer.data[out:][stderr_offset % 4096 :],
        )

    def stop(self, grace_s: float) -> StopAnswer:
        """TERM, grace, KILL, and a search for survivors; also bars a start that has not happened yet."""
        arguments = (*self._where, str(math.ceil(grace_s * 10)))
        answer = self._shell.run(
            programs.stop(), arguments, timeout_s=_STOP_TIMEOUT_S + 3 * grace_s, interruptible=False
        )
        word, *rest = answer.words
        if word == "stopped":
            return StopAnswer(Stop(rest[0]), " ".join(rest[1:]))
        return StopAnswer(Stop(word))

    def forget(self) -> None:
        """Remove output and files of a finished command; what bars a second start stays for some days."""
        self._shell.run(programs.forget(), self._where, timeout_s=_ASK_TIMEOUT_S, interruptible=False)


def sweep(shell: Shell, days: int, base: str = ROOT_BASE) -> int:
    """Remove directories untouched for `days` days whose work is over; how many. Raises ShellError."""
    answer = shell.run(programs.sweep(), (base, str(days)), timeout_s=300, interruptible=False)
    return int(answer.words[1])
