"""The broker is set up as the evidence asks for, and says so here when somebody changes it."""

import dramatiq
from dramatiq.brokers.stub import StubBroker

from executions import actors
from opsconductor.broker import ConfirmingBroker, DatabaseConnections, OwnedConsumer, middleware
from opsconductor.messages import QUEUE_OF_ACTOR, SignedEncoder

URL = "amqp://somebody:secret@127.0.0.1:1/vhost"


def test_the_middleware_is_this_and_nothing_else() -> None:
    assert [type(each) for each in middleware()] == [DatabaseConnections]
    assert [type(each) for each in ConfirmingBroker(URL).middleware] == [DatabaseConnections]
    assert [type(each) for each in dramatiq.get_broker().middleware] == [DatabaseConnections]


def test_no_option_of_an_actor_can_bring_a_behaviour_of_dramatiq_back() -> None:
    assert dramatiq.get_broker().actor_options == set()


def test_publishing_is_confirmed_and_never_waits_for_long() -> None:
    broker = ConfirmingBroker(URL)
    [parameters] = broker.parameters
    assert broker.confirm_delivery
    assert broker.max_priority == 3
    assert broker.consumer_class is OwnedConsumer
    assert parameters.heartbeat == 30
    assert parameters.blocked_connection_timeout == 2
    assert parameters.connection_attempts == 1
    assert parameters.socket_timeout == 2
    assert parameters.stack_timeout == 3


def test_the_address_may_set_other_limits() -> None:
    [first, second] = ConfirmingBroker(f"{URL}?heartbeat=5;{URL}").parameters
    assert (first.heartbeat, first.socket_timeout) == (5, 2)
    assert second.heartbeat == 30


def test_without_an_address_messages_stay_in_this_process() -> None:
    assert isinstance(dramatiq.get_broker(), StubBroker)
    assert isinstance(dramatiq.get_encoder(), SignedEncoder)


def test_every_queue_has_its_actor() -> None:
    declared = [actors.run_fast, actors.run_medium, actors.run_long]
    assert {actor.actor_name: actor.queue_name for actor in declared} == QUEUE_OF_ACTOR
    assert dramatiq.get_broker().get_declared_actors() == set(QUEUE_OF_ACTOR)
