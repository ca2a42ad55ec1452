"""A secret store that is away is waited for within the execution's time, at the cost of no attempt."""

from typing import Any

import pytest
from django.test import Client

from executions import engine, sweeper
from executions.models import DeadLetter, EffectRecord, Execution, StepRun
from tests.losing import LONG_AGO
from tests.services.openbao import OpenBao
from tests.world import World, output_of, runs_of, script, status_of, work_off

pytestmark = pytest.mark.usefixtures("working")

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers at the store's address."""
    monkeypatch.setenv("VAULT_ADDR", NOBODY)
    monkeypatch.setenv("VAULT_TOKEN", "no-token")


def reading(text: str, **more: Any) -> dict[str, Any]:
    """A script that gets a secret of the store on its standard input."""
    step = script(text, **more)
    step["with"]["stdin"] = {"secret": "vault:secret/acme/web#password"}
    return step


def look_again() -> None:
    """As if the pause before the next look were over."""
    StepRun.objects.filter(status="retrying").update(not_before=LONG_AGO)
    sweeper.tick()
    work_off()


@pytest.mark.parametrize("effect", ["unsafe", "idempotent"])
def test_a_store_that_comes_back_after_many_looks_costs_no_attempt(
    world: World, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    world.here()
    submitted = world.submit(
        reading("wc -c", effect=effect, action_class="modify", estimate=60), targets=["here"]
    )
    work_off()
    for _ in range(6):
        (run,) = runs_of(submitted.execution_id)
        assert (run.status, run.attempt, run.category) == ("retrying", 0, "secret")
        assert run.waiting_for == "the secret store vault: unreachable"
        assert EffectRecord.objects.get().outcome == "handed_over"
        look_again()
    assert Execution.objects.get(pk=submitted.execution_id).clock == "work"
    client = Client()
    client.force_login(world.olga)
    page = client.get(f"/executions/{submitted.execution_id}/").content.decode()
    assert "waiting: the secret store vault: unreachable" in page

    openbao.put("acme/web", password="twelve-chars")
    monkeypatch.setenv("VAULT_ADDR", openbao.url)
    monkeypatch.setenv("VAULT_TOKEN", openbao.token)
    look_again()

    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.attempt, run.waiting_for) == ("succeeded", 1, "")
    assert output_of(run).strip() == "12"
    assert EffectRecord.objects.get().outcome == "succeeded"
    assert not DeadLetter.objects.exists()


def test_when_the_executions_time_is_over_a_person_is_told_what_the_store_said(world: World) -> None:
    world.here()
    submitted = world.submit(reading("true"), targets=["here"])
    Execution.objects.update(limit_s=3)
    work_off()
    (run,) = runs_of(submitted.execution_id)
    assert (status_of(submitted.execution_id), run.attempt, run.category) == ("failed", 1, "secret")
    letter = DeadLetter.objects.get()
    for told in (run.detail, letter.reason):
        assert told.startswith("secret.unreachable: vault: nobody answers")
        assert "not tried again: the execution's time ends before that" in told


def test_many_that_wait_for_a_store_come_back_at_different_moments_and_soon_enough() -> None:
    first = [engine.store_pause_s(0.0, 600.0) for _ in range(50)]
    later = [engine.store_pause_s(400.0, 200.0) for _ in range(50)]
    last = [engine.store_pause_s(400.0, 6.0) for _ in range(50)]
    assert all(0.5 <= pause <= 1.0 for pause in first)
    assert all(15.0 <= pause <= 30.0 for pause in later)
    assert all(pause <= 3.0 for pause in last)
    assert max(later) - min(later) > 5.0
