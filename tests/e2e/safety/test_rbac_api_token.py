"""A token that is revoked between two steps: from the API by way of RabbitMQ and a worker, the second never begins."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from executions import api_tokens
from executions.models import Event, Execution
from safety.choices import Role
from safety.models import Lease
from safety.tokens.models import ApiToken
from tests import factories
from tests.fleet import Fleet
from tests.integration.test_api_tokens import expired
from tests.programs import a_plan, asked, sent
from tests.world import World, runs_of, script, status_of, until

WAITS = "touch {signal}.waits; until test -e {signal}; do sleep 0.05; done"


@pytest.mark.parametrize("account", ["person", "service account"])
@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_token_that_ends_while_step_one_runs(
    world: World, fleet: Fleet, tmp_path: Path, account: str, end: str
) -> None:
    world.here()
    user: User = world.olga
    if account == "service account":
        user = factories.a_service_account(world.olga, Role.OPERATOR).user
    token, value = factories.a_token(user, created_by=world.olga)
    signal, touched = tmp_path / "go", tmp_path / "touched"
    steps = [script(WAITS.format(signal=signal), "one", estimate=60), script(f"touch {touched}", "two")]
    answer = sent(value, "executions?confirm=true", a_plan(targets=["here"], steps=steps))
    assert answer.status_code == 201, answer.content
    execution_id = answer.json()["execution"]["id"]
    until((tmp_path / "go.waits").exists, timeout_s=60)
    if end == "revoked":
        api_tokens.revoke(token.pk, by=world.olga)
    else:
        expired(token)
    assert asked(value).status_code == 401
    signal.touch()
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, timeout_s=60)

    runs = {run.step.key: run for run in runs_of(execution_id)}
    assert ApiToken.objects.get() == Execution.objects.get(pk=execution_id).api_token
    assert not Lease.objects.exists()
    if end == "expired":
        assert touched.exists()
        assert status_of(execution_id) == "succeeded"
        return
    assert not touched.exists()
    assert (runs["one"].status, runs["two"].status) == ("succeeded", "failed")
    assert "not allowed: the API token was revoked" in runs["two"].detail
    event = Event.objects.get(type="rbac.violation")
    assert (event.step_run_id, event.data["person"]) == (runs["two"].pk, user.get_username())
