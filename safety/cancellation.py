"""The wish to stop a step, set once with its reason, that connectors wait on."""

import threading
from collections.abc import Callable
from enum import StrEnum


class CancelReason(StrEnum):
    """Why work was stopped."""

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
