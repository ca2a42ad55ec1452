"""A secret goes from a real OpenBao server to the target, for as long as the step runs, and nowhere else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import hvac
import pytest
from django.test import Client

from executions.models import Execution
from tests.commands import manage
from tests.fleet import Fleet, database_url
from tests.services.lending import Lending
from tests.services.openbao import OpenBao
from tests.services.rabbitmq import Vhost
from tests.world import World, output_of, runs_of, script, status_of, until

PASSWORD = "kept-in-openbao-7319"


@pytest.fixture
def bao() -> Iterator[OpenBao]:
    """A server of the test's own, so that it may be sealed."""
    server = OpenBao()
    server.put("acme/web", password=PASSWORD)
    yield server
    server.close()


@pytest.fixture
def fleet(world: World, rabbitmq: Vhost, bao: OpenBao, tmp_path: Path) -> Iterator[Fleet]:
    """A worker that signs in to that server by a role, and a scheduler."""
    client = hvac.Client(url=bao.url, token=bao.token)
    rules = 'path "secret/data/acme/*" { capabilities = ["read"] }\npath "acme/*" { capabilities = ["read"] }'
    client.sys.create_or_update_policy(
        "worker", rules + '\npath "sys/leases/*" { capabilities = ["update"] }'
    )
    client.sys.enable_auth_method("approle")
    client.auth.approle.create_or_update_approle("worker", token_policies=["worker"], token_ttl="1h")
    fleet = Fleet(rabbitmq.url, tmp_path)
    fleet.env |= {
        "VAULT_ADDR": bao.url,
        "VAULT_ROLE_ID": client.auth.approle.read_role_id("worker")["data"]["role_id"],
        "VAULT_SECRET_ID": client.auth.approle.generate_secret_id("worker")["data"]["secret_id"],
    }
    try:
        fleet.start(workers=1)
        yield fleet
    finally:
        fleet.stop()


def by_page(world: World, step: dict[str, Any]) -> UUID:
    """Olga pastes a plan, looks at the preview and confirms it."""
    plan = {"version": 1, "name": "with a secret", "mode": "background", "targets": ["here"], "steps": [step]}
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan)}
    client = Client(HTTP_HOST="localhost")
    client.force_login(world.olga)
    page = client.post("/executions/new/preview/", form).content.decode()
    found = re.search(r'name="seen_hash"\s+value="([0-9a-f]{64})"', page)
    assert found, page
    answer = client.post("/executions/new/confirm/", form | {"seen_hash": found[1]})
    return UUID(answer["Location"].split("/")[2])


def by_command(step: dict[str, Any], tmp_path: Path) -> UUID:
    plan = {"version": 1, "name": "with a secret", "mode": "background", "targets": ["here"], "steps": [step]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    ended = manage("submit", tmp_path / "plan.json", "--as", "olga", "--yes", "--json")
    assert ended.code == 0, ended.err
    return UUID(ended.json["id"])


def over(execution_id: UUID) -> str:
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, timeout_s=60)
    return status_of(execution_id)


def with_secret(text: str, reference: str, **more: Any) -> dict[str, Any]:
    step = script(text, **more)
    step["with"]["secrets"] = {"pw": {"secret": reference}}
    return step


def test_a_secret_reaches_the_target_and_is_masked_on_its_way_back(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    world.here()
    text = f'cp "$OPSC_SECRETS_DIR/pw" {tmp_path}/arrived; echo "it is $(cat "$OPSC_SECRETS_DIR/pw")"'

    execution_id = by_page(world, with_secret(text, "vault:secret/acme/web#password"))

    assert over(execution_id) == "succeeded"
    assert (tmp_path / "arrived").read_text() == PASSWORD
    assert "it is [masked]" in output_of(runs_of(execution_id)[0])
    assert PASSWORD not in fleet.logs()


def test_an_account_is_lent_to_the_target_while_the_step_runs_and_gone_afterwards(
    world: World, fleet: Fleet, bao: OpenBao, tmp_path: Path
) -> None:
    world.here()
    lending = Lending(bao, database_url())
    text = f'cp "$OPSC_SECRETS_DIR/pw" {tmp_path}/part && mv {tmp_path}/part {tmp_path}/arrived\n'
    text += f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"

    execution_id = by_command(with_secret(text, "vault:acme/db/creds/app#password", estimate=60), tmp_path)

    password = until(
        lambda: (tmp_path / "arrived").exists() and (tmp_path / "arrived").read_text(), timeout_s=60
    )
    (account,) = lending.accounts()
    assert lending.can_sign_in(account, password)
    (tmp_path / "go").touch()
    assert over(execution_id) == "succeeded"
    until(lambda: lending.accounts() == [])
    assert password not in fleet.logs()


def test_a_sealed_server_lets_the_step_wait_and_a_forbidden_path_fails_it_at_once(
    world: World, fleet: Fleet, bao: OpenBao, tmp_path: Path
) -> None:
    world.here()
    touching = f"touch {tmp_path}/begun"
    refused = by_page(world, with_secret(touching, "vault:secret/other/web#password"))
    assert over(refused) == "failed"
    (run,) = runs_of(refused)
    assert (run.attempt, run.category) == (1, "secret")
    assert run.detail.startswith("secret.forbidden: ")
    bao.seal()

    waiting = by_page(world, with_secret(touching, "vault:secret/acme/web#password"))

    until(lambda: runs_of(waiting)[0].status == "retrying", timeout_s=60)
    assert runs_of(waiting)[0].detail.startswith("secret.sealed: ")
    until(lambda: runs_of(waiting)[0].waiting_for == "the secret store vault: sealed")
    assert not (tmp_path / "begun").exists()
    bao.unseal()
    assert over(waiting) == "succeeded"
    assert runs_of(waiting)[0].attempt == 1  # it only waited
