"""What every connector promises: run one piece of work on one target, and never lie about its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from safety.cancellation import CancelToken


@dataclass(frozen=True, kw_only=True)
class Target:
    """The machine or service to act on. `credentials` are resolved: plain strings or SecretValue."""

    asset_id: UUID
    name: str
    connection: str  # "local" or "ssh"
    address: str
    port: int
    username: str
    host_keys: str  # known_hosts lines; empty refuses SSH
    credentials: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Work:
    """One attempt at a step run. `arguments` are the step's `with`, resolved (values may be SecretValue).

    deadline: time.monotonic() at which the work must be over; grace_s: seconds from TERM to KILL.
    """

    execution_id: UUID
    step_run_id: UUID
    attempt: int
    token: int
    kind: str
    arguments: Mapping[str, Any]
    target: Target | None
    cancel: CancelToken
    deadline: float
    grace_s: float
    resume: bool


class OutputSink(Protocol):
    """Takes raw output; masks and stores it."""

    def write(self, stream: str, data: bytes) -> None:
        """Append raw bytes of `stdout` or `stderr`."""

    def offset(self, stream: str) -> int:
        """How many raw bytes of the stream are stored already (more than 0 after a re-attach)."""


class Ended(StrEnum):
    """How the work came to its end."""

    FINISHED = "finished"  # by itself: `exit_code` or `status_code` tells the rest
    STOPPED = "stopped"  # we ended it (cancel or deadline); see `stop_confirmed`
    DETACHED = "detached"  # we let go of it and it goes on; the next worker re-attaches


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is known for certain about the end of the work; `began` is false when nothing was started."""

    ended: Ended
    exit_code: int | None = None
    status_code: int | None = None  # HTTP
    detail: str = ""
    stop_confirmed: bool | None = None
    began: bool = True


class Connector(Protocol):
    """Runs work of some kinds on targets of some connection."""

    survives_worker: bool  # true when a job directory lets the next worker re-attach

    def run(self, work: Work, sink: OutputSink) -> Result:
        """Run, or re-attach to, the work and follow it to its end.

        Watches `work.cancel` and `work.deadline`. Raises NotStarted, OutcomeUnknown.
        """

    def stop(self, work: Work) -> Result:
        """End what an earlier attempt may have left running, once, and say whether that is proven.

        `detail` says how. Raises NotStarted and OutcomeUnknown where the target cannot be asked.
        """

    def forget(self, work: Work) -> None:
        """Clean up after work whose result is safely on record. Never raises, signs in nowhere."""


class ConnectorError(Exception):
    """The work has no result. `category` is a stable word; the message is for people."""

    def __init__(self, message: str, *, category: str) -> None:
        super().__init__(message)
        self.category = category


class NotStarted(ConnectorError):
    """Certain: nothing happened on the target. `transient` says whether a retry makes sense."""

    def __init__(self, message: str, *, category: str, transient: bool) -> None:
        super().__init__(message, category=category)
        self.transient = transient


class OutcomeUnknown(ConnectorError):
    """Nobody can tell from here whether the effect happened."""
