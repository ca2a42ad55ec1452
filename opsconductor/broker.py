"""The Dramatiq broker as OpsConductor uses it: confirmed publishing, owned acks, signed messages, no retries."""

import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit

import dramatiq
import pika  # type: ignore[import-untyped]
from django.conf import settings
from django.db import close_old_connections, connections
from dramatiq.broker import Broker, MessageProxy
from dramatiq.brokers import rabbitmq
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware
from dramatiq.worker import WorkerThread

from opsconductor.messages import PRIORITIES, SignedEncoder

logger = logging.getLogger(__name__)

# Seconds, unless the address says otherwise. Without them pika waits for ever while the broker blocks publishers.
CONNECTION: Final = {
    "heartbeat": 30,
    "blocked_connection_timeout": 2,
    "connection_attempts": 1,
    "socket_timeout": 2,
    "stack_timeout": 3,
}
ENQUEUE_ATTEMPTS: Final = (
    2  # the first may meet a connection that the broker has dropped; the sweeper does the rest
)


class DatabaseConnections(Middleware):
    """No message begins on a dead database connection, and no thread leaves one behind."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        close_old_connections()

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002
        message: MessageProxy,  # noqa: ARG002
        *,
        result: object = None,  # noqa: ARG002
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        close_old_connections()

    def before_worker_thread_shutdown(self, broker: Broker, thread: WorkerThread) -> None:  # noqa: ARG002
        connections.close_all()


class OwnedConsumer(rabbitmq._RabbitmqConsumer):
    """An ack travels only on the channel that delivered the message.

    Delivery tags start at 1 again after a reconnect, so a late ack could take away another message. One that
    is not sent makes the broker deliver again, which the claim in PostgreSQL makes harmless.
    """

    def __next__(self) -> MessageProxy | None:
        message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        if message is None:
            return None
        message._owner = self  # type: ignore[attr-defined]
        if message.queue_name != self.queue_name:
            # Signed by us but moved: Dramatiq would look for a consumer that need not exist, and lose a thread.
            logger.warning("refused a message of another queue on %s", self.queue_name)
            self.nack(message)
            return None
        return message

    def ack(self, message: MessageProxy) -> None:
        self._answer(super().ack, message)

    def nack(self, message: MessageProxy) -> None:
        self._answer(super().nack, message)

    def _answer(self, send: Callable[[MessageProxy], None], message: MessageProxy) -> None:
        try:
            if getattr(message, "_owner", None) is self:
                send(message)
                return
        except ConnectionClosed:  # nor by Dramatiq's waiting for it, which would keep a worker thread
            pass
        logger.info("the connection is gone: message %s will be delivered again", message.message_id)


class ConfirmingBroker(rabbitmq.RabbitmqBroker):
    """RabbitMQ with publisher confirms and short deadlines."""

    def __init__(self, url: str) -> None:
        super().__init__(url=url, confirm_delivery=True, max_priority=PRIORITIES[-1], middleware=middleware())
        self.parameters = [_tuned(each) for each in url.split(";")]

    @property
    def consumer_class(self) -> type[OwnedConsumer]:
        return OwnedConsumer

    def count_waiting(self, queue: str) -> int:
        """How many messages of the queue no consumer has been given; 0 when there is no such queue yet."""
        if queue not in self.queues:
            return 0
        self.declare_queue(queue, ensure=True)
        return int(self.channel.queue_declare(queue, passive=True).method.message_count)


def middleware() -> list[Middleware]:
    """The whole list, fresh: none of Dramatiq's own.

    Retries lose messages while the broker blocks publishers and publish tracebacks, TimeLimit interrupts too
    late and kills threads, Callbacks and Pipelines run whatever actor a message names.
    """
    return [DatabaseConnections()]


def configure() -> Broker:
    """Make the process's broker: RabbitMQ when RABBITMQ_URL is set, else in memory, for this process only.

    Nothing is connected yet. Must come before the first actor is declared, which else makes a broker of its own.
    """
    rabbitmq.MAX_ENQUEUE_ATTEMPTS = ENQUEUE_ATTEMPTS
    url: str = settings.RABBITMQ_URL
    broker = ConfirmingBroker(url) if url else StubBroker(middleware=middleware())
    dramatiq.set_encoder(SignedEncoder(settings.MESSAGE_KEY, settings.MESSAGE_KEY_PREVIOUS))
    dramatiq.set_broker(broker)
    return broker


def _tuned(url: str) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    given = parse_qs(urlsplit(url).query)
    for name, value in CONNECTION.items():
        if name not in given:
            setattr(parameters, name, value)
    return parameters
