"""Signals as things that arrive one after the other, for a main thread that waits for them."""

import contextlib
import queue
import signal
from types import FrameType


class Signals:
    """Collects the given signals from now on; make it in the main thread.

    The handler only puts the number into a SimpleQueue, which is safe at any point of the program: setting an
    Event that the interrupted thread is waiting on may block for ever.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in numbers:
            signal.signal(number, self._arrive)
        if signal.SIGHUP not in numbers:
            # Not SIG_IGN, which every program that a step starts would inherit.
            signal.signal(signal.SIGHUP, _do_nothing)

    def next(self, timeout_s: float | None = None) -> int | None:
        """The next signal, or None when none came within so many seconds (None: wait for ever)."""
        with contextlib.suppress(queue.Empty):
            return self._arrived.get(timeout=timeout_s)
        return None

    def _arrive(self, number: int, _frame: FrameType | None) -> None:
        self._arrived.put(number)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """A terminal that was closed ends nothing."""
