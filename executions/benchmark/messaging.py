"""How fast a bare message gets through the broker: latency at low load, and messages per second."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pika  # type: ignore[import-untyped]
from django.conf import settings

from executions.benchmark.figures import NothingMeasured
from executions.benchmark.surroundings import PROCESSES, START_S, THREADS, Processes, wait_until

LONGEST_S = 90.0  # for publishers
LOW_LOAD_S = 0.05  # from one message to the next
DRAIN_S = 30.0
OUR_QUEUES = ("fast", "medium", "long")


@dataclass(frozen=True)
class Messaging:
    """Seconds from before the send to the start of the actor, in order, and messages per second."""

    latencies: list[float]
    per_second: float
    count: int


def bare(processes: Processes, *, messages: int, seconds: float) -> Messaging:
    """Measure a no-op actor with two worker processes. Raises NothingMeasured when a message got lost."""
    queue = f"opsc_bench_noop_{os.getpid()}"
    with _gone_at_the_end(queue):
        slow = _publishers(processes, 1, queue, role="trickle", messages=messages, pause_s=LOW_LOAD_S)
        low = _starts(processes, queue, slow)
        fast = _publishers(processes, PROCESSES, queue, role="publish", seconds=seconds)
        high = _starts(processes, queue, fast)
    took = max(started for _, started in high) - min(sent for sent, _ in high)
    return Messaging([started - sent for sent, started in low], len(high) / took, len(high))


def _publishers(processes: Processes, count: int, queue: str, **arguments: Any) -> Callable[[], int]:
    """What runs so many publishing processes to their end, and tells how many messages they sent."""

    def run() -> int:
        common = {"url": settings.RABBITMQ_URL, "queue": queue} | arguments
        running = [processes.module("bare_dramatiq", **common) for _ in range(count)]
        return sum(processes.result_of(one, LONGEST_S)["sent"] for one in running)

    return run


def _starts(processes: Processes, queue: str, send: Callable[[], int]) -> list[tuple[float, float]]:
    """(sent, started) of every message that `send` sends to two fresh workers."""
    workers = [
        processes.module(
            "bare_dramatiq", role="work", url=settings.RABBITMQ_URL, queue=queue, threads=THREADS
        )
        for _ in range(PROCESSES)
    ]
    wait_until(lambda: consumers_of(queue) == PROCESSES, START_S, processes.last_words)
    sent = send()
    wait_until(lambda: depth_of(queue) == 0, DRAIN_S, lambda: f"{depth_of(queue)} messages are left")
    starts = [(sent_at, at) for worker in workers for sent_at, at in _ended(processes, worker)]
    if not sent or len(starts) != sent:
        raise NothingMeasured(f"{sent} messages were sent, {len(starts)} arrived")
    return starts


def _ended(processes: Processes, worker: subprocess.Popen[str]) -> list[tuple[float, float]]:
    worker.send_signal(signal.SIGTERM)
    starts: list[tuple[float, float]] = processes.result_of(worker, DRAIN_S)["starts"]
    return starts


def consumers_of(queue: str) -> int:
    """How many consumers the queue has; 0 when there is no such queue."""
    return _asked(queue)[1]


def depth_of(queue: str) -> int:
    """How many messages wait in the queue; 0 when there is no such queue."""
    return _asked(queue)[0]


def _asked(queue: str) -> tuple[int, int]:
    with _channel() as channel:
        try:
            answer = channel.queue_declare(queue, passive=True).method
        except pika.exceptions.ChannelClosedByBroker:
            return 0, 0
        return int(answer.message_count), int(answer.consumer_count)


def throw_away(queue: str) -> None:
    """Take every message out of the queue: wake-ups of work that no longer exists."""
    with _channel() as channel, suppress(pika.exceptions.ChannelClosedByBroker):
        channel.queue_purge(queue)


@contextmanager
def _gone_at_the_end(queue: str) -> Iterator[None]:
    try:
        yield
    finally:
        with _channel() as channel:
            for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
                channel.queue_delete(name)


@contextmanager
def _channel() -> "Iterator[pika.adapters.blocking_connection.BlockingChannel]":
    parameters = pika.URLParameters(settings.RABBITMQ_URL)
    parameters.socket_timeout = parameters.blocked_connection_timeout = 2
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection.channel()
    finally:
        connection.close()
