"""What a step prints of its secret, and what a tenant's rule matches, is nowhere; the target gets both as they are."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from executions.models import Execution
from safety.models import MaskingRule
from tests.fleet import Fleet
from tests.leaks import gathering
from tests.services.httpd import TargetHttp
from tests.services.rabbitmq import Vhost
from tests.world import World, output_of, runs_of, status_of, until

# Looks like what is masked, masks included: nothing of it may be touched on its way to a target.
SECRET = 'p4ss "[masked]" CUST-4711, password=abc\'$x'
CUSTOMER = "CUST-123456"
SHORT = "z7!q"
WORKS = """
secret=$(cat "$OPSC_SECRETS_DIR/token"; echo .); secret=${secret%.}
customer=CUST-$((100000 + 23456))
printf %s "$secret $customer" > DONE
echo "uses $secret for $customer"
printf %s "$secret" | base64 -w0; echo
echo "$customer and $(cat "$OPSC_SECRETS_DIR/pin")" >&2
"""


@pytest.fixture
def fleet_with_secrets(world: World, rabbitmq: Vhost, tmp_path: Path) -> Iterator[Fleet]:
    """Two workers that can get Acme's secrets, and a scheduler."""
    fleet = Fleet(rabbitmq.url, tmp_path)
    fleet.env |= {"OPSC_SECRET_ACME__TOKEN": SECRET, "OPSC_SECRET_ACME__PIN": SHORT}
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


def signed_in(user: object) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)  # type: ignore[arg-type]
    return client


def submitted_on_the_page(world: World, client: Client, done: Path, url: str) -> UUID:
    token, pin = {"secret": "env:TOKEN"}, {"secret": "env:PIN"}
    text = WORKS.replace("DONE", f"'{done}'")
    steps = [
        {"id": "work", "kind": "script", "with": {"script": text, "secrets": {"token": token, "pin": pin}}},
        {"id": "send", "kind": "http", "with": {"method": "POST", "url": url, "json": {"key": token}}},
    ]
    plan = {"version": 1, "name": "masks", "mode": "background", "targets": ["here"], "steps": steps}
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan)}
    page = client.post("/executions/new/preview/", form)
    seen = re.search(r'name="seen_hash"\s+value="([0-9a-f]{64})"', page.content.decode())
    assert seen, page.content.decode()
    answer = client.post("/executions/new/confirm/", form | {"seen_hash": seen.group(1)})
    assert answer.status_code == 302
    return UUID(answer["Location"].split("/")[2])


def test_nothing_of_a_secret_or_of_what_a_rule_matches_is_kept_and_the_target_gets_it_byte_for_byte(
    world: World, fleet_with_secrets: Fleet, target_http: TargetHttp, tmp_path: Path
) -> None:
    world.here()
    MaskingRule.objects.create(tenant=world.acme, kind="customer", pattern=r"CUST-\d{6}")
    url, done = target_http.on("/in", body=f"said {CUSTOMER}", status=200), tmp_path / "done"
    client = signed_in(world.olga)
    execution_id = submitted_on_the_page(world, client, done, url)
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, timeout_s=60)
    assert status_of(execution_id) == "succeeded", fleet_with_secrets.logs()

    assert done.read_text() == f"{SECRET} {CUSTOMER}"
    assert [json.loads(each.body) for each in target_http.requests("/in")] == [{"key": SECRET}]

    work, _send = runs_of(execution_id)
    printed = output_of(work)
    assert "uses [masked] for [masked:customer]\n" in printed
    assert "[masked:customer] and [masked]\n" in printed
    page = client.get(f"/executions/{execution_id}/")
    assert "env:PIN is shorter than 6 characters" in page.content.decode()
    fleet_with_secrets.stop()
    places = {
        "page": page.content,
        "events": client.get(f"/executions/{execution_id}/events/").content,
        "database": b"\n".join(table.content for table in gathering.database()),
        "logs": fleet_with_secrets.logs().encode(),
    }
    needles = [
        SECRET,
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode()[:-4],
        SHORT,
        CUSTOMER,
    ]
    assert [(place, one) for place, text in places.items() for one in needles if one.encode() in text] == []
