"""Promises about a secret that is rotated while a command that knows it goes on: a real OpenBao keeps versions."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import hvac
import pytest

from safety.context import Outcome, StepContext
from safety.masking.middleware import MaskingMiddleware
from safety.secrets import vault_versions
from safety.secrets.middleware import SecretsMiddleware
from tests.integration.test_secret_leases import DONE, a_step
from tests.losing import lost_midway, work_until
from tests.services.openbao import OpenBao
from tests.world import World, output_of, runs_of

pytestmark = pytest.mark.django_db
SAID = "was alpha-Apfelbaum then beta-Birnbaum now gamma-Kirschbaum"


@pytest.fixture
def path(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> str:
    """A secret that was rotated twice since the command began."""
    monkeypatch.setenv("VAULT_ADDR", openbao.url)
    monkeypatch.setenv("VAULT_TOKEN", openbao.token)
    path = f"acme/{uuid4()}"
    for value in ("alpha-Apfelbaum", "beta-Birnbaum", "gamma-Kirschbaum"):
        openbao.put(path, password=value)
    return path


def told(path: str, *, resume: bool) -> Outcome:
    """What is kept of a step whose command says all three."""
    step = replace(
        a_step({"password": {"secret": f"vault:secret/{path}#password"}}), resume=resume, tried_s=1.0
    )

    def connector(step: StepContext) -> Outcome:
        given: Any = step.resolved_arguments
        assert given["password"].reveal() == "gamma-Kirschbaum"
        return replace(DONE, summary=SAID)

    return MaskingMiddleware(SecretsMiddleware(connector))(replace(step, masker=None))


def test_at_a_re_attach_every_version_since_the_command_began_is_masked(path: str) -> None:
    assert told(path, resume=True).summary == "was [masked] then [masked] now [masked]"


def test_a_new_attempt_knows_the_newest_value_alone(path: str) -> None:
    assert "beta-Birnbaum now [masked]" in told(path, resume=False).summary


def test_a_version_that_is_gone_stops_nothing_and_is_told_beside_the_step(
    path: str, openbao: OpenBao
) -> None:
    client = hvac.Client(url=openbao.url, token=openbao.token)
    client.secrets.kv.v2.destroy_secret_versions(path, [2])

    outcome = told(path, resume=True)

    assert outcome.summary == "was [masked] then beta-Birnbaum now [masked]"
    assert "version 2, which the work may know, cannot be read" in outcome.detail


def test_what_was_replaced_before_the_command_began_is_not_asked_for(
    path: str, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_versions, "CLOCKS_S", 0.0)
    time.sleep(1.2)
    assert "beta-Birnbaum now [masked]" in told(path, resume=True).summary


@pytest.mark.usefixtures("working", "patient_reaper")
def test_a_script_that_outlived_its_worker_says_an_old_value_and_it_is_not_stored(
    world: World, path: str, openbao: OpenBao, tmp_path: Path
) -> None:
    world.here()
    file = tmp_path / "ran"
    secrets = {"key": {"secret": f"vault:secret/{path}#password"}}
    text = f'key=$(cat "$OPSC_SECRETS_DIR/key"); echo x >> {file}; sleep 2; echo "it was $key"'
    submitted = lost_midway(world, text, file, secrets=secrets)
    openbao.put(path, password="delta-Dattelpalme")
    work_until(submitted.execution_id, "succeeded")
    assert output_of(runs_of(submitted.execution_id)[0]) == "it was [masked]\n"
