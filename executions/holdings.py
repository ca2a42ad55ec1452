"""The leases that this process holds, renewed by a thread with a connection of its own.

A lease is trusted only until the monotonic clock at the *start* of its last renewal plus its ttl minus a margin:
a slow renewal does not stretch it. Past that the holder stops the work itself. A second thread watches over the
trust, because the first may hang in the database.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from executions.heartbeat import Heartbeat, Renewed
from executions.lifecycle import ClaimedStep
from safety.cancellation import CancelReason, CancelToken, Wish

logger = logging.getLogger(__name__)

UNHEALTHY_AFTER_S = 30.0
HOST_CHARACTERS = 60  # of the host's name in a worker's name


def process_name() -> str:
    """How this process is called in the table of workers: host, pid and start, so that no two are the same."""
    return f"{socket.gethostname()[:HOST_CHARACTERS]}:{os.getpid()}:{int(time.time())}"


def is_of_this_machine(worker: str) -> bool:
    """Whether the worker of this name ran on this machine; the name begins with the host's."""
    return worker.split(":")[0] == socket.gethostname()[:HOST_CHARACTERS]


@dataclass
class Holding:
    """One step run held by this process. `trusted_until` is a time.monotonic() value.

    Losing the lease and the end of the process reach its token by themselves; the wish of a person, or the limit
    of the whole execution, reaches the token that watches for one.
    """

    step_run_id: UUID
    execution_id: UUID
    token: int
    cancel: CancelToken
    trusted_until: float
    survives_worker: bool
    wish: Wish | None = None
    watcher: CancelToken | None = None
    cleaning: CancelToken | None = None

    def end(self, reason: CancelReason, detail: str) -> None:
        """Stop the step, and its clean-up where that is under way."""
        self.cancel.cancel(reason, detail)
        if self.cleaning is not None:
            self.cleaning.cancel(reason, detail)


class Holdings:
    """Everything this process holds; one per process, started by the first who needs it."""

    def __init__(self) -> None:
        self._guard = threading.Condition()
        self._held: dict[int, Holding] = {}
        self._stop = threading.Event()
        self._last_success = time.monotonic()
        self._threads: list[threading.Thread] = []
        self.worker = ""
        self.draining = False

    @property
    def running(self) -> int:
        """How many step runs this process runs now."""
        return len(self._held)

    def start(self, worker: str, queues: tuple[str, ...], threads: int) -> None:
        """Register the process and begin to renew. Does nothing when it has begun already."""
        with self._guard:
            if self._threads:
                return
            self._stop.clear()
            self.worker, self.draining, self._last_success = worker, False, time.monotonic()
            heartbeat = Heartbeat(worker, queues, threads, on_cancel=self._hear)
            renewal = threading.Thread(target=self._renew_for_ever, args=(heartbeat,), name="lease-renewal")
            self._threads = [renewal, threading.Thread(target=self._watch_trust, name="lease-trust")]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        """Stop renewing and mark the process as stopped."""
        self._stop.set()
        with self._guard:
            self._guard.notify_all()
        for thread in self._threads:
            thread.join(timeout=10)
        self._threads = []

    @contextmanager
    def hold(self, step: ClaimedStep, cancel: CancelToken, claimed_at: float) -> Iterator[None]:
        """Renew the step's lease while the body runs; `claimed_at` is the monotonic time before the claim."""
        holding = Holding(
            step.step_run_id,
            step.execution_id,
            step.token,
            cancel,
            _trust(claimed_at),
            survives_worker=step.survives_worker,
        )
        with self._guard:
            self._held[step.token] = holding
            self._guard.notify_all()
        try:
            yield
        finally:
            with self._guard:
                self._held.pop(step.token, None)
                self._guard.notify_all()

    def watch(self, token: int, cancel: CancelToken) -> Callable[[], None]:
        """Tell `cancel` of every wish to end the execution of the step run held by this fencing token.

        A wish that came before is told now. Returns: what ends the watching.
        """
        with self._guard:
            holding = self._held.get(token)
            wish = holding.wish if holding else None
            if holding is not None:
                holding.watcher = cancel
        if wish is not None:
            cancel.cancel(wish.reason, wish.detail)
        return lambda: self._end_watch(token)

    def _end_watch(self, token: int) -> None:
        with self._guard:
            if (holding := self._held.get(token)) is not None:
                holding.watcher = None

    def hand_over_what_survives(self, detail: str) -> None:
        """Let go of the steps that go on by themselves, so that another worker can follow them at once."""
        for holding in self._snapshot():
            if holding.survives_worker:
                holding.cancel.cancel(CancelReason.SHUTDOWN, detail)

    @contextmanager
    def cleaning(self, token: int, cancel: CancelToken) -> Iterator[None]:
        """While the body cleans up after the step run held by this fencing token, what ends that ends it too."""
        with self._guard:
            holding = self._held.get(token)
        if holding is not None:
            holding.cleaning = cancel
        try:
            yield
        finally:
            if holding is not None:
                holding.cleaning = None

    def cancel_all(self, reason: CancelReason, detail: str) -> None:
        """Stop, or let go of, everything this process runs."""
        for holding in self._snapshot():
            holding.end(reason, detail)

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait for the last held step run to end; whether it did."""
        with self._guard:
            return self._guard.wait_for(lambda: not self._held, timeout_s)

    def healthy(self) -> bool:
        """Whether both threads live and the database answered within the last half minute."""
        alive = all(thread.is_alive() for thread in self._threads)
        return alive and time.monotonic() - self._last_success < UNHEALTHY_AFTER_S

    def _snapshot(self) -> list[Holding]:
        with self._guard:
            return list(self._held.values())

    def _hear(self, execution_id: UUID, wish: Wish) -> None:
        for holding in self._snapshot():
            if holding.execution_id == execution_id:
                self._tell(holding, wish)

    def _tell(self, holding: Holding, wish: Wish) -> None:
        with self._guard:
            holding.wish = wish
            watcher = holding.watcher
        if watcher is not None:
            watcher.cancel(wish.reason, wish.detail)

    def _renew_for_ever(self, heartbeat: Heartbeat) -> None:
        interval_s = settings.OPSC["LEASE_TTL_S"] / 4
        while not self._stop.is_set():
            began = time.monotonic()
            held = self._snapshot()
            try:
                renewed = heartbeat.beat(held, draining=self.draining)
                self._last_success = time.monotonic()
                self._apply(held, renewed, began)
                heartbeat.listen(until=began + interval_s, stop=self._stop)
            except Exception as error:  # noqa: BLE001  one failed renewal is not the end; the end of trust is
                logger.warning("could not renew leases: %s", type(error).__name__)
                heartbeat.reconnect()
                self._stop.wait(min(interval_s, 1.0))
        heartbeat.close()

    def _apply(self, held: list[Holding], renewed: dict[int, Renewed], began: float) -> None:
        for holding in held:
            answer = renewed.get(holding.token)
            if answer is not None:
                holding.trusted_until = _trust(began)
                if answer.wish is not None:
                    self._tell(holding, answer.wish)
            elif holding.token in self._held:
                holding.end(CancelReason.LEASE_LOST, "the database gave the lease to somebody else")

    def _watch_trust(self) -> None:
        while not self._stop.is_set():
            now = time.monotonic()
            for holding in self._snapshot():
                if now >= holding.trusted_until:
                    holding.end(CancelReason.LEASE_LOST, "the lease could not be renewed in time")
            self._stop.wait(min(0.5, settings.OPSC["LEASE_TTL_S"] / 20))


def _trust(since: float) -> float:
    ttl: float = settings.OPSC["LEASE_TTL_S"]
    return since + ttl - max(ttl / 10, 0.1)


HOLDINGS = Holdings()
