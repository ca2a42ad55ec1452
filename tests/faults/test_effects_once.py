"""However often a step is delivered and wherever its worker dies, an unsafe effect happens at most once."""

import socket
from collections.abc import Callable
from pathlib import Path

import dramatiq

from executions.models import EffectRecord, Execution
from opsconductor.broker import ConfirmingBroker
from tests.fleet import Fleet
from tests.services.httpd import TargetHttp
from tests.services.rabbitmq import OwnRabbitMQ, Vhost
from tests.world import World, runs_of, status_of, until, wait_step

COPIES = 100


def post(url: str, **more: object) -> dict:
    return {
        "id": "post",
        "kind": "http",
        "with": {"method": "POST", "url": url, "body": "x"} | more,
        "estimate": 60,  # a long step: the tests take their time
    }


def deliver(rabbitmq: Vhost, hint: str) -> None:
    """The same wake-up, a hundred times more."""
    broker = ConfirmingBroker(rabbitmq.url)
    broker.declare_queue("long")
    message = dramatiq.Message("long", "run_long", (hint,), {}, {"broker_priority": 1})
    for _ in range(COPIES):
        broker.enqueue(message)
    broker.close()


def taken(rabbitmq: Vhost) -> None:
    """Wait until no message lies in the queue any more."""
    until(lambda: rabbitmq.depth("long") == 0)


def test_a_message_delivered_a_hundred_times_while_it_runs_and_after_runs_its_step_once(
    world: World, fleet: Fleet, rabbitmq: Vhost, target_http: TargetHttp
) -> None:
    submitted = world.submit(post(target_http.on("/once", hang=True)))
    target_http.wait_for("/once")
    run = runs_of(submitted.execution_id)[0]
    deliver(rabbitmq, str(run.pk))
    taken(rabbitmq)
    assert len(target_http.requests("/once")) == 1
    target_http.release()
    until(lambda: status_of(submitted.execution_id) == "succeeded")
    deliver(rabbitmq, str(run.pk))
    taken(rabbitmq)
    later = world.submit(wait_step(estimate=60))  # comes after all of them
    until(lambda: status_of(later.execution_id) == "succeeded")
    assert len(target_http.requests("/once")) == 1
    assert runs_of(submitted.execution_id)[0].attempt == 1
    assert EffectRecord.objects.get().outcome == "succeeded"


def test_a_delivery_that_comes_again_because_the_consumer_lost_its_connection_runs_nothing_twice(
    world: World, own_rabbitmq: Callable[[], OwnRabbitMQ], tmp_path: Path, target_http: TargetHttp
) -> None:
    broker = own_rabbitmq()
    fleet = Fleet(broker.url, tmp_path)
    try:
        fleet.start()
        submitted = world.submit(post(target_http.on("/once", hang=True)))
        target_http.wait_for("/once")
        broker.stop()
        broker.start()  # every delivery that was not acknowledged is in the queue again
        later = world.submit(wait_step(estimate=60))
        until(lambda: status_of(later.execution_id) == "succeeded", timeout_s=60)
        target_http.release()
        until(lambda: Execution.objects.get(pk=submitted.execution_id).is_terminal)
        assert all(worker.is_alive for worker in fleet.workers)
    finally:
        fleet.stop()
    assert status_of(submitted.execution_id) == "succeeded"
    assert len(target_http.requests("/once")) == 1


def test_a_worker_killed_between_intent_and_effect_leaves_the_question_to_a_person(
    world: World, rabbitmq: Vhost, tmp_path: Path, target_http: TargetHttp
) -> None:
    """The worker is held there by a secret store that takes the question and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as store:
        store.settimeout(30)
        fleet = Fleet(rabbitmq.url, tmp_path)
        port = store.getsockname()[1]
        fleet.env |= {"VAULT_ADDR": f"http://127.0.0.1:{port}", "VAULT_TOKEN": "not-a-real-token"}
        try:
            fleet.start()
            header = {"X-Key": {"secret": "vault:secret/acme/release#key"}}
            submitted = world.submit(post(target_http.on("/never"), headers=header))
            asked, _ = store.accept()
            record = EffectRecord.objects.get()
            assert record.outcome == ""
            fleet.kill(fleet.worker_of(record.worker))
            asked.close()
            until(lambda: status_of(submitted.execution_id) == "needs_attention")
        finally:
            fleet.stop()
    assert target_http.requests("/never") == []
    assert EffectRecord.objects.get().outcome == "unknown"


def test_a_worker_killed_between_effect_and_result_never_sends_an_unsafe_request_again(
    world: World, fleet: Fleet, target_http: TargetHttp
) -> None:
    submitted = world.submit(post(target_http.on("/once", hang=True)))
    target_http.wait_for("/once")
    run = runs_of(submitted.execution_id)[0]
    fleet.kill(fleet.worker_of(run.worker))
    until(lambda: status_of(submitted.execution_id) == "needs_attention")
    assert len(target_http.requests("/once")) == 1
