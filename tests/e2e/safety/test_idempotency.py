"""A lost worker's request is not sent again: from the page by way of RabbitMQ and workers to the target."""

import json
import re
from pathlib import Path
from uuid import UUID

from django.test import Client

from executions.models import EffectRecord, Execution
from tests.commands import manage, plan_file
from tests.fleet import Fleet
from tests.services.httpd import TargetHttp
from tests.world import World, runs_of, status_of, until


def confirmed_on_the_page(world: World, step: dict) -> UUID:
    """Olga pastes a plan, looks at the preview and confirms it."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(world.olga)
    plan = {"version": 1, "name": "release", "mode": "background", "steps": [step]}
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan)}
    shown = client.post("/executions/new/preview/", form).content.decode()
    seen = re.search(r'name="seen_hash"\s+value="(\w{64})"', shown)
    assert seen, shown
    answer = client.post("/executions/new/confirm/", form | {"seen_hash": seen[1]})
    return UUID(answer["Location"].split("/")[2])


def post(url: str) -> dict:
    return {"id": "post", "kind": "http", "with": {"method": "POST", "url": url, "body": "x"}, "estimate": 60}


def test_a_post_whose_worker_died_goes_to_a_person_and_is_not_sent_again(
    world: World, fleet: Fleet, target_http: TargetHttp
) -> None:
    execution_id = confirmed_on_the_page(world, post(target_http.on("/release", hang=True)))
    target_http.wait_for("/release")
    run = runs_of(execution_id)[0]
    fleet.kill(fleet.worker_of(run.worker))
    until(lambda: status_of(execution_id) == "needs_attention" or len(target_http.requests("/release")) > 1)
    assert len(target_http.requests("/release")) == 1
    record = EffectRecord.objects.get()
    assert (record.attempt, record.worker, record.outcome) == (1, run.worker, "unknown")


def test_a_command_given_twice_reaches_its_target_once(
    world: World, fleet: Fleet, target_http: TargetHttp, tmp_path: Path
) -> None:
    plan = plan_file(tmp_path, post(target_http.on("/once")))
    given = ("submit", plan, "--as", "olga", "--yes", "--json", "--idempotency-key", "release-42")
    first, second = manage(*given).json, manage(*given).json
    assert (first["created"], second["created"], second["id"]) == (True, False, first["id"])
    until(lambda: Execution.objects.get(pk=first["id"]).is_terminal)
    third = manage(*given).json
    assert (third["id"], third["created"], third["status"]) == (first["id"], False, "succeeded")
    assert len(target_http.requests("/once")) == 1
    assert EffectRecord.objects.get().outcome == "succeeded"
