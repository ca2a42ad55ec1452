"""What the broker loses, repeats or is fed by others changes nothing but timing, on a real RabbitMQ."""

import gc
import queue
import time
from collections.abc import Callable, Iterator

import dramatiq
import pytest
from django.conf import settings
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed

from executions.fleet.crew import LaneWorker
from executions.fleet.lanes import Lane
from opsconductor.broker import ConfirmingBroker
from tests.services.processes import free_port
from tests.services.rabbitmq import OwnRabbitMQ, Vhost
from tests.unit.test_messages import forgeries

PATIENCE_S = 20
# pika leaves the sockets of an attempt that failed to the garbage collector.
PIKA_LEAVES_SOCKETS = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


class Desk:
    """A broker with one actor that writes down what it was woken for."""

    def __init__(self, url: str) -> None:
        self.broker = ConfirmingBroker(url)
        self.woken: queue.Queue[str] = queue.Queue()
        dramatiq.actor(self.woken.put, broker=self.broker, actor_name="run_fast", queue_name="fast")

    def send(self, hint: str, priority: int = 1) -> None:
        options = {"broker_priority": priority}
        self.broker.enqueue(dramatiq.Message("fast", "run_fast", (hint,), {}, options))

    def consume(self) -> Consumer:
        return self.broker.consume("fast", prefetch=1, timeout=5000)


@pytest.fixture
def make_desk() -> Iterator[Callable[[str], Desk]]:
    """Makes desks, and closes them after the threads that work on them."""
    desks: list[Desk] = []

    def make(url: str) -> Desk:
        desks.append(Desk(url))
        return desks[-1]

    yield make
    for desk in desks:
        desk.broker.close()


@pytest.fixture
def desk(rabbitmq: Vhost, make_desk: Callable[[str], Desk]) -> Desk:
    return make_desk(rabbitmq.url)


@pytest.fixture
def work(make_desk: object) -> Iterator[Callable[[Desk], LaneWorker]]:
    """Starts worker threads for a desk."""
    started: list[LaneWorker] = []

    def start(desk: Desk) -> LaneWorker:
        started.append(LaneWorker(desk.broker, Lane(("fast",), 2)))
        started[-1].start()
        return started[-1]

    yield start
    for worker in started:
        worker.stop(timeout=5000)


@pytest.fixture
def garbage() -> Iterator[None]:
    """Collected before the next test, which should not be blamed."""
    yield
    gc.collect()


def received(consumer: Consumer) -> MessageProxy:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        message = next(consumer)
        if message is not None:
            return message
    raise AssertionError("nothing was delivered")


def test_a_late_ack_takes_no_other_message_away(desk: Desk, rabbitmq: Vhost) -> None:
    desk.send("first")
    before = desk.consume()
    first = received(before)
    before.connection.close()  # the broker takes `first` back while it is still worked on
    rabbitmq.purge("fast")
    desk.send("second")
    after = desk.consume()
    second = received(after)
    assert second._tag == first._tag, "the channels' tags must be the same for this test to mean anything"

    after.ack(first)
    after.nack(first)
    after.close()
    assert rabbitmq.depth("fast") == 1

    again = desk.consume()
    again.ack(received(again))
    again.close()
    assert rabbitmq.depth("fast") == 0


def test_an_ack_on_a_lost_connection_is_no_error(desk: Desk, rabbitmq: Vhost) -> None:
    desk.send("first")
    consumer = desk.consume()
    message = received(consumer)
    consumer.connection.close()
    consumer.ack(message)  # nothing to tell: Dramatiq would else keep the worker thread for 5 s at a time
    assert rabbitmq.depth("fast") == 1


def test_forged_messages_run_nothing_and_stop_nobody(
    desk: Desk, rabbitmq: Vhost, work: Callable[[Desk], LaneWorker]
) -> None:
    moved = dramatiq.Message("long", "run_long", ("moved from another queue",), {}, {}).encode()
    forged = [*forgeries(settings.MESSAGE_KEY).values(), moved]
    desk.send("good before", priority=0)
    for body in forged:
        rabbitmq.publish("fast", body)
    desk.send("good after", priority=0)
    worker = work(desk)

    assert {desk.woken.get(timeout=PATIENCE_S) for _ in range(2)} == {"good before", "good after"}
    assert all(thread.is_alive() for thread in (*worker.workers, *worker.consumers.values()))
    worker.stop(timeout=5000)
    assert desk.woken.empty()
    assert rabbitmq.depth("fast") == 0
    assert rabbitmq.depth("fast.XQ") == len(forged)


def test_urgent_work_overtakes_bulk(desk: Desk) -> None:
    for number in range(3):
        desk.send(f"bulk {number}", priority=0)
    desk.send("urgent", priority=2)
    consumer = desk.consume()
    order = []
    for _ in range(4):
        message = received(consumer)
        order.append(message.args[0])
        consumer.ack(message)
    consumer.close()
    assert order == ["urgent", "bulk 0", "bulk 1", "bulk 2"]


def test_only_the_queues_of_a_lane_are_consumed(desk: Desk, work: Callable[[Desk], LaneWorker]) -> None:
    assert set(work(desk).consumers) == {"fast"}  # and no delayed messages, which would live in this process


@PIKA_LEAVES_SOCKETS
def test_a_broker_that_is_away_is_told_quickly(garbage: None) -> None:
    broker = ConfirmingBroker(f"amqp://guest:guest@127.0.0.1:{free_port()}/")
    began = time.monotonic()
    with pytest.raises(ConnectionClosed):
        broker.enqueue(dramatiq.Message("fast", "run_fast", ("id",), {}, {}))
    assert time.monotonic() - began < 2


@PIKA_LEAVES_SOCKETS
def test_workers_go_on_after_the_broker_was_away(
    garbage: None,
    own_rabbitmq: Callable[[], OwnRabbitMQ],
    make_desk: Callable[[str], Desk],
    work: Callable[[Desk], LaneWorker],
) -> None:
    broker = own_rabbitmq()
    desk = make_desk(broker.url)
    worker = work(desk)
    desk.send("before")
    assert desk.woken.get(timeout=PATIENCE_S) == "before"
    broker.stop_app()
    broker.start_app()
    desk.send("after")
    assert desk.woken.get(timeout=PATIENCE_S) == "after"
    assert all(thread.is_alive() for thread in (*worker.workers, *worker.consumers.values()))
