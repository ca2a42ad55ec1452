"""Baseline: a Dramatiq actor that does nothing, over the same RabbitMQ, in processes of its own."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker


def broker_and_actor(
    url: str, queue: str, starts: list[tuple[float, float]]
) -> tuple[RabbitmqBroker, "dramatiq.Actor[[float], None]"]:
    """A broker with publisher confirms and no middleware, and the actor, which notes when it was sent and started."""
    broker = RabbitmqBroker(url=url, confirm_delivery=True, middleware=[])

    def noop(sent_at: float) -> None:
        starts.append((sent_at, time.time()))

    return broker, dramatiq.actor(queue_name=queue, broker=broker)(noop)


def work(url: str, queue: str, threads: int) -> None:
    """Work until SIGTERM, then print [sent, started] of every message."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    starts: list[tuple[float, float]] = []
    broker, _ = broker_and_actor(url, queue, starts)
    worker = dramatiq.Worker(broker, queues={queue}, worker_threads=threads, worker_timeout=200)
    worker.start()
    while not stop.wait(0.2):
        pass
    worker.stop()
    print(json.dumps({"starts": starts}))


def publish(url: str, queue: str, seconds: float) -> None:
    """Send as fast as confirms allow, then print how many."""
    _, actor = broker_and_actor(url, queue, [])
    sent, until = 0, time.time() + seconds
    while time.time() < until:
        actor.send(time.time())
        sent += 1
    print(json.dumps({"sent": sent}))


def trickle(url: str, queue: str, messages: int, pause_s: float) -> None:
    """Send so many messages with a pause after each."""
    _, actor = broker_and_actor(url, queue, [])
    for _ in range(messages):
        actor.send(time.time())
        time.sleep(pause_s)
    print(json.dumps({"sent": messages}))


def main(role: str, **arguments: Any) -> None:
    """Play one of the roles."""
    roles: dict[str, Callable[..., None]] = {"work": work, "publish": publish, "trickle": trickle}
    roles[role](**arguments)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
