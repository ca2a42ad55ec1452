"""A secret is in no table, log file, queue message or page, in whatever form a step printed it."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection
from django.test import Client

from executions.models import Execution
from tests.fleet import Fleet
from tests.services.httpd import TargetHttp
from tests.services.rabbitmq import Vhost
from tests.world import World, output_of, runs_of, status_of, until

CANARY = "c4n4ry/Zurich+7k_Q\"x9'$HOME=end"

PRINTS_IT = """
secret=$(cat "$OPSC_SECRETS_DIR/token")
echo "plain $secret"
printf %s "$secret" | base64 -w0; echo
printf 'x%s' "$secret" | base64 -w0; echo
printf %s "$secret" | od -An -tx1 | tr -d ' \\n'; echo
printf %.10s "$secret"; sleep 1; printf %s "$secret" | tail -c +11; echo
python3 -c 'import sys; secret = sys.argv[0]; raise ValueError(open(sys.argv[1]).read())' \
    "$OPSC_SECRETS_DIR/token" 2>&1 || true
python3 - "$OPSC_SECRETS_DIR/token" <<'END'
import sys
raise ValueError("failed with " + open(sys.argv[1]).read())
END
"""


def forms(secret: str) -> dict[str, bytes]:
    raw = secret.encode()
    return {
        "plain": raw,
        "base64": base64.b64encode(raw)[:-4],
        "base64 shifted": base64.b64encode(b"x" + raw)[4:-4],
        "url": quote(secret, safe="").encode(),
        "json": json.dumps(secret)[1:-1].encode(),
        "json twice": json.dumps(json.dumps(secret))[3:-3].encode(),
        "hex": raw.hex().encode(),
        "half": raw[:16],
    }


def dump_of_database() -> bytes:
    """Every row of every table as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [row[0] for row in cursor.fetchall()]
    assert len(rows) > 20
    return "\n".join(rows).encode()


def messages_in(rabbitmq: Vhost) -> bytes:
    """What lies in the queue, left there."""
    until(lambda: "fast" in rabbitmq.queues() and rabbitmq.depth("fast") > 0)
    with rabbitmq.channel() as channel:
        properties, body = channel.basic_get("fast")[1:]
    assert body
    return bytes(body) + repr(properties).encode()


def plan(url: str) -> list[dict[str, Any]]:
    """A step that prints its secret in every way, and one that sends it to a server that says it back."""
    secret = {"secret": "env:TOKEN"}
    prints = {"script": PRINTS_IT, "secrets": {"token": secret}}
    sends = {"method": "GET", "url": url, "headers": {"X-Auth": secret}}
    return [
        {"id": "print", "kind": "script", "with": prints, "expect": {"exit_codes": [0, 1]}, "estimate": 4},
        {"id": "call", "kind": "http", "with": sends, "on_failure": "continue", "timeout": 5},
    ]


def test_a_secret_that_was_used_and_printed_is_found_nowhere(
    world: World, rabbitmq: Vhost, target_http: TargetHttp, tmp_path: Path
) -> None:
    world.here()
    fleet = Fleet(rabbitmq.url, tmp_path)
    fleet.env["OPSC_SECRET_ACME__TOKEN"] = CANARY
    url = target_http.on("/echo", body=f"you said {CANARY}", status=500)
    try:
        fleet.add("scheduler")
        submitted = world.submit(*plan(url), targets=["here"])
        places = {"messages": messages_in(rabbitmq)}
        fleet.start()
        until(lambda: Execution.objects.get(pk=submitted.execution_id).is_terminal, timeout_s=40)
    finally:
        fleet.stop()
    assert status_of(submitted.execution_id) == "partial"
    assert [each.headers["X-Auth"] for each in target_http.requests("/echo")] == [CANARY]
    printed = output_of(runs_of(submitted.execution_id)[0])
    assert "plain [masked" in printed
    assert "ValueError" in printed
    client = Client(HTTP_HOST="localhost")
    client.force_login(world.olga)
    page = client.get(f"/executions/{submitted.execution_id}/")
    assert page.status_code == 200
    places |= {"database": dump_of_database(), "logs": fleet.logs().encode(), "page": page.content}
    needles = forms(CANARY).items()
    assert [(place, form) for place, text in places.items() for form, one in needles if one in text] == []
