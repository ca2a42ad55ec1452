"""Wake-ups: after the commit, without making the caller wait, and never more than there are hands for.

A message is only a hint that a queue has work. So the wake-ups of one moment are put together: a worker that is
woken goes on until its queue is empty. Whatever gets lost here, the sweeper sends again.
"""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

import dramatiq
from django.db import transaction

from executions.lifecycle import Ready

logger = logging.getLogger(__name__)

MOST_WAKE_UPS = 16  # per queue and moment
BUSY_S = 0.05  # wake-ups that follow each other faster than this look first whether the queue is full of them
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0  # between tries while the broker does not answer
_BROKER_PRIORITY = {0: 2, 1: 1, 2: 0}  # ours: 0 is most urgent; the broker's: higher first


@dataclass
class _Waiting:
    """Wake-ups not sent yet, for one queue and priority."""

    hint: str
    count: int


class _Sender(threading.Thread):
    """Publishes in the background, so that no request waits for the broker."""

    def __init__(self) -> None:
        super().__init__(name="wake-ups", daemon=True)
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        self._sending = False

    def add(self, ready: Iterable[Ready]) -> None:
        with self._changed:
            for run in ready:
                slot = self._waiting.setdefault((run.queue, run.priority), _Waiting(str(run.step_run_id), 0))
                slot.count += 1
            self._changed.notify_all()

    def run(self) -> None:
        pause_s, last = FIRST_PAUSE_S, 0.0
        while True:
            with self._changed:
                self._sending = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                batch, self._waiting = self._waiting, {}
                self._sending = True
            try:
                _publish(batch, busy=time.monotonic() - last < BUSY_S)
                pause_s, last = FIRST_PAUSE_S, time.monotonic()
            except Exception as error:  # noqa: BLE001  any broker trouble: the sweeper covers what is dropped
                logger.warning(
                    "the broker does not take wake-ups (%s); the sweeper will repeat them",
                    type(error).__name__,
                )
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def wait_until_idle(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._sending, timeout_s)


_guard = threading.Lock()
_sender: _Sender | None = None


def wake(ready: Iterable[Ready]) -> None:
    """Wake workers for these step runs once the current transaction has committed."""
    runs = [run for run in ready if run.queue != "immediate"]
    if runs:
        transaction.on_commit(lambda: _background().add(runs))


def flush(timeout_s: float = 2.0) -> bool:
    """Wait for wake-ups on their way, before a process ends; whether all were sent."""
    return _sender is None or _sender.wait_until_idle(timeout_s)


def _background() -> _Sender:
    global _sender
    with _guard:
        if _sender is None or not _sender.is_alive():
            _sender = _Sender()
            _sender.start()
        return _sender


def _untaken(broker: dramatiq.Broker, queue: str) -> int:
    """How many wake-ups wait in the queue already; each makes a worker look for all the work there is."""
    count = getattr(broker, "count_waiting", None)
    return int(count(queue)) if count else 0


def _publish(batch: dict[tuple[str, int], _Waiting], *, busy: bool) -> None:
    broker = dramatiq.get_broker()
    room: dict[str, int] = {}
    for (queue, priority), waiting in sorted(batch.items()):
        if queue not in room:
            room[queue] = MOST_WAKE_UPS - (_untaken(broker, queue) if busy else 0)
        for _ in range(min(waiting.count, room[queue])):
            room[queue] -= 1
            broker.enqueue(
                dramatiq.Message(
                    queue_name=queue,
                    actor_name=f"run_{queue}",
                    args=(waiting.hint,),
                    kwargs={},
                    options={"broker_priority": _BROKER_PRIORITY[priority]},
                )
            )
