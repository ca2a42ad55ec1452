"""The threads of this process that take wake-ups and run steps, from their start to a drained end."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import dramatiq
from dramatiq import worker as dramatiq_worker
from dramatiq.broker import Broker

from executions import dispatch
from executions.fleet.lanes import Lane
from executions.holdings import HOLDINGS, process_name
from safety.cancellation import CancelReason

logger = logging.getLogger(__name__)

IDLE_WAKE_MS = 500  # how soon an idle thread notices that it is to stop
RESTART_DELAY_S = 0.5  # before a consumer tries the broker again; Dramatiq's own 3 s leave a long gap
HAND_OVER_S = 10.0  # for steps that outlived the drain to be let go of
HURRIED_S = 5.0  # the same after a second signal; within what the supervisor then allows
CLOSE_S = 2.0  # for wake-ups and acks on their way
SIGN_OFF_S = 3.0
LOOK_AGAIN_S = 0.1


class LaneWorker(dramatiq_worker.Worker):
    """A Dramatiq worker of one lane; several may share a process, and none waits for delayed messages.

    Prefetch is the number of threads: more would keep wake-ups from processes that are free.
    """

    def __init__(self, broker: Broker, lane: Lane) -> None:
        super().__init__(
            broker, queues=set(lane.queues), worker_timeout=IDLE_WAKE_MS, worker_threads=lane.threads
        )
        self.queue_prefetch = lane.threads

    def start(self) -> None:
        self.broker.emit_before("worker_boot", self)
        for _ in range(self.worker_threads):
            self._add_worker()
        for queue in sorted(self.consumer_whitelist or ()):
            self._add_consumer(queue)
        self.broker.emit_after("worker_boot", self)


class Crew:
    """Everything in this process that runs steps from the queues."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = tuple(lanes)
        self._workers: list[LaneWorker] = []

    def start(self) -> None:
        """Register the process and begin to take wake-ups. Returns at once, also when the broker is away."""
        dramatiq_worker.CONSUMER_RESTART_DELAY_SECS = RESTART_DELAY_S
        queues = tuple(dict.fromkeys(queue for lane in self.lanes for queue in lane.queues))
        HOLDINGS.start(process_name(), queues, sum(lane.threads for lane in self.lanes))
        broker = dramatiq.get_broker()
        for lane in self.lanes:
            worker = LaneWorker(broker, lane)
            worker.start()
            self._workers.append(worker)

    def trouble(self) -> str:
        """Why this process must be replaced; empty when it need not be. Dramatiq replaces no dead thread."""
        for worker in self._workers:
            dead = sum(not thread.is_alive() for thread in (*worker.workers, *worker.consumers.values()))
            if dead:
                return f"{dead} dead threads on {','.join(worker.consumers)}"
        return "" if HOLDINGS.healthy() else "the lease heartbeat has stopped or the database is away"

    def drain(self, patience_s: float, hurry: Callable[[float], bool]) -> bool:
        """Take nothing more, let go of commands and scripts at once, and let other steps end.

        Commands and scripts go on by themselves and another worker follows them. The others get `patience_s`
        seconds and are then made to let go: what that means says their effect class, and it is recorded.

        Args:
          hurry: Called again and again with how many seconds to wait; true ends the patience. What runs is
            then let go of within some seconds, and its outcome recorded all the same.

        Returns: whether nothing was left running.
        """
        HOLDINGS.draining = True
        for worker in self._workers:
            for consumer in worker.consumers.values():
                consumer.pause()  # it closes its connection, so that the broker gives what was prefetched to others
            for thread in worker.workers:
                thread.stop()
        clean, hurried = self._wait(patience_s, hurry, _hand_over)
        if not clean:
            logger.warning("steps still run and must let go now", extra={"hurried": hurried})
            clean, _ = self._wait(HURRIED_S if hurried else HAND_OVER_S, _asked_enough(hurry), _let_go)
        if not clean:
            logger.error("%s step runs were still running at the end", HOLDINGS.running)
        self._close(patience_s=0.0 if hurried else CLOSE_S)
        return clean

    def _wait(
        self, patience_s: float, hurry: Callable[[float], bool], meanwhile: Callable[[], None]
    ) -> tuple[bool, bool]:
        """Whether every thread has ended, and whether we were told to hurry."""
        until = time.monotonic() + patience_s
        while any(thread.is_alive() for worker in self._workers for thread in worker.workers):
            meanwhile()
            if time.monotonic() >= until:
                return False, False
            if hurry(LOOK_AGAIN_S):
                return False, True
        return True, False

    def _close(self, patience_s: float) -> None:
        dispatch.flush(patience_s)
        consumers = [consumer for worker in self._workers for consumer in worker.consumers.values()]
        for consumer in consumers:
            consumer.stop()
        until = time.monotonic() + patience_s
        for consumer in consumers:
            consumer.join(max(0.0, until - time.monotonic()))
            if not consumer.is_alive():
                consumer.close()
        signing_off = threading.Thread(target=HOLDINGS.stop, name="signing off", daemon=True)
        signing_off.start()  # the database may be away, and that must not keep the process
        signing_off.join(SIGN_OFF_S)


def _hand_over() -> None:
    HOLDINGS.hand_over_what_survives("the worker process is stopping")


def _asked_enough(hurry: Callable[[float], bool]) -> Callable[[float], bool]:
    """Wait as `hurry` does, but let no further signal cut short what is bounded anyway."""

    def wait(seconds: float) -> bool:
        hurry(seconds)
        return False

    return wait


def _let_go() -> None:
    HOLDINGS.cancel_all(CancelReason.SHUTDOWN, "the worker process is stopping")
