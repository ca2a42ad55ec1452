"""Stops asking a service that failed several times in a row, for a while."""

import threading
import time


class CircuitBreaker:
    """Closed lets everything through; after `failures` in a row it is open for `open_s` seconds.

    Then one caller may try: its success closes it, its failure opens it again. Thread-safe.
    """

    def __init__(self, *, failures: int = 5, open_s: float = 30.0) -> None:
        self._failures, self._open_s = failures, open_s
        self._guard = threading.Lock()
        self._in_a_row = 0
        self._opened_at = 0.0

    def may_try(self) -> bool:
        """Whether to ask; claims the one try when the pause is over."""
        with self._guard:
            if self._in_a_row < self._failures:
                return True
            if time.monotonic() - self._opened_at < self._open_s:
                return False
            self._opened_at = time.monotonic()
            return True

    def succeeded(self) -> None:
        """The service answered."""
        with self._guard:
            self._in_a_row = 0

    def failed(self) -> None:
        """The service did not answer, or had a fault."""
        with self._guard:
            self._in_a_row += 1
            if self._in_a_row >= self._failures:
                self._opened_at = time.monotonic()
