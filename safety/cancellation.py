"""The wish to stop a step, set once with its reason, that connectors wait on."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class CancelReason(StrEnum):
    """Why work was stopped.

    USER, DUPLICATE and TIMEOUT are said of a whole execution, the others of one step: SHUTDOWN by a worker that
    drains, LEASE_LOST by one that may not go on, RESOURCE_LIMIT by the limit on what a step may say, ERROR by an
    error inside OpsConductor while the step ran.
    """

    USER = "user"
    TIMEOUT = "timeout"
    SHUTDOWN = "shutdown"
    LEASE_LOST = "lease_lost"
    RESOURCE_LIMIT = "resource_limit"
    DUPLICATE = "duplicate"
    ERROR = "error"

    @property
    def hands_over(self) -> bool:
        """Whether the work itself may go on and only this holder has to let go of it."""
        return self in (CancelReason.SHUTDOWN, CancelReason.LEASE_LOST)


@dataclass(frozen=True)
class Wish:
    """A cancel of a whole execution, as it is on record: why, and whose wish in which words."""

    reason: CancelReason
    detail: str

    @classmethod
    def on_record(cls, kind: str, actor: str, words: str) -> "Wish":
        """Read it from the execution's columns; a kind that nobody knows counts as a person's wish."""
        reason = CancelReason(kind) if kind in tuple(CancelReason) else CancelReason.USER
        said = _VERBS.get(reason, "cancelled") + (f" by {actor}" if actor else "")
        return cls(reason, f"{said}: {words}" if words else said)


_VERBS = {CancelReason.TIMEOUT: "ended", CancelReason.DUPLICATE: "cancelled as a duplicate"}


class CancelToken:
    """A wish to stop, shared by every thread that works on one step; the first reason wins."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._guard = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self.reason: CancelReason | None = None
        self.detail = ""

    @property
    def is_cancelled(self) -> bool:
        return self._set.is_set()

    def cancel(self, reason: CancelReason, detail: str = "") -> bool:
        """Ask the work to stop; false when somebody asked before (the first reason stays)."""
        with self._guard:
            if self._set.is_set():
                return False
            self.reason, self.detail = reason, detail
            self._set.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()
        return True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the token is cancelled or `timeout_s` seconds went by; whether it is."""
        return self._set.wait(timeout_s)

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once on cancellation (now, if it is); returns what undoes this."""
        with self._guard:
            if not self._set.is_set():
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._guard:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
