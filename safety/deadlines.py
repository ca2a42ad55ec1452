"""One thread that cancels tokens when their time has come; a thread for each step would cost more than the step."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from safety.cancellation import CancelReason, CancelToken


class _Watch(threading.Thread):
    """Sleeps until the earliest deadline."""

    def __init__(self) -> None:
        super().__init__(name="deadlines", daemon=True)
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, CancelToken, str]] = []
        self._wanted: set[int] = set()
        self._numbers = itertools.count()

    def add(self, at: float, token: CancelToken, detail: str) -> Callable[[], None]:
        with self._changed:
            number = next(self._numbers)
            heapq.heappush(self._due, (at, number, token, detail))
            self._wanted.add(number)
            if self._due[0][1] == number:
                self._changed.notify()
        return lambda: self._give_up(number)

    def _give_up(self, number: int) -> None:
        with self._changed:
            self._wanted.discard(number)
            while self._due and self._due[0][1] not in self._wanted:
                heapq.heappop(self._due)

    def run(self) -> None:
        while True:
            for token, detail in self._wait_for_due():
                token.cancel(CancelReason.TIMEOUT, detail)

    def _wait_for_due(self) -> list[tuple[CancelToken, str]]:
        with self._changed:
            while not self._due or self._due[0][0] > time.monotonic():
                self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
            due = []
            while self._due and self._due[0][0] <= time.monotonic():
                _, number, token, detail = heapq.heappop(self._due)
                if number in self._wanted:
                    self._wanted.discard(number)
                    due.append((token, detail))
            return due


_guard = threading.Lock()
_watch: _Watch | None = None


def watch(at: float, token: CancelToken, detail: str) -> Callable[[], None]:
    """Cancel the token with the reason `timeout` at the time.monotonic() value `at`.

    Returns: what calls it off.
    """
    global _watch
    with _guard:
        if _watch is None or not _watch.is_alive():
            _watch = _Watch()
            _watch.start()
        return _watch.add(at, token, detail)
