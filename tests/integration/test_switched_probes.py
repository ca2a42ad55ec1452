"""A switch on a connector holds the probe and the clean-up that would use it, and loses neither."""

import time
from pathlib import Path
from typing import Any

import pytest

from executions import control, engine, lifecycle, sweeper, switches, switching
from executions.holdings import HOLDINGS
from executions.lifecycle import ClaimedStep
from executions.models import DeadLetter, EffectRecord, Execution, StepRun
from executions.switching import Scope
from safety.models import Lease, Switch
from tests.losing import lost, unsafe_step
from tests.services.httpd import TargetHttp
from tests.stopping import while_working
from tests.world import World, runs_of, script, status_of, until, work_off

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")


def off(world: World, connector: str, mode: str = "hold", **scope: str) -> Switch:
    where = Scope(tenant=world.acme, connector=connector, **scope)
    return switching.turn(where, mode=mode, user=world.olga, reason="the network shakes", lasts_s=60)


def lift(world: World, switch: Switch) -> None:
    switching.lift(switch.pk, user=world.olga, reason="calm again")


def claim() -> ClaimedStep | None:
    return lifecycle.claim_from("fast", worker=HOLDINGS.worker, ttl_s=30)


def asking(asked: Path, answer: str = "true") -> dict[str, Any]:
    return {"kind": "script", "with": {"script": f"touch {asked}; {answer}"}}


def unanswered(
    world: World, target: TargetHttp, asked: Path, answer: str = "true", **more: Any
) -> ClaimedStep:
    """A claimed step whose request will be taken and never answered; a probe on the target can tell."""
    world.here()
    post = {"method": "POST", "url": target.on("/dropped", drop=True)}
    plan = unsafe_step(
        target="here", effect="checkable", verify=asking(asked, answer), **{"with": post}, **more
    )
    world.submit(plan)
    step = claim()
    assert step is not None
    return step


@pytest.mark.parametrize("mode", ["hold", "stop"])
def test_an_outcome_stays_unknown_until_its_probe_may_be_asked(
    world: World, target_http: TargetHttp, tmp_path: Path, mode: str
) -> None:
    step = unanswered(world, target_http, tmp_path / "asked")
    switch = off(world, "local", mode)
    engine.run(step, time.monotonic())
    sweeper.tick()
    work_off()
    run = StepRun.objects.get()
    assert (run.status, run.resume, run.verify_first, run.attempt) == ("ready", True, True, 1)
    assert not (tmp_path / "asked").exists()
    held = Execution.objects.get()
    assert (held.status, held.clock, Lease.objects.count()) == ("running", "pause", 1)
    assert switches.holding(held) == [switch]
    lift(world, switch)
    work_off()
    run.refresh_from_db()
    assert (run.status, run.category, run.attempt) == ("succeeded", "verified", 1)
    assert (tmp_path / "asked").exists()
    assert len(target_http.requests("/dropped")) == 1


def test_what_the_probe_then_finds_missing_is_tried_again(
    world: World, target_http: TargetHttp, tmp_path: Path
) -> None:
    step = unanswered(world, target_http, tmp_path / "asked", "false", retries=1)
    switch = off(world, "local")
    engine.run(step, time.monotonic())
    lift(world, switch)
    work_off()
    run = StepRun.objects.get()
    assert (run.status, run.detail) == ("retrying", "the probe says that it did not take effect")
    assert len(target_http.requests("/dropped")) == 1
    assert EffectRecord.objects.get(step_run=run).outcome == "failed"


def test_a_cancel_of_what_is_held_leaves_it_to_a_person_and_asks_nothing(
    world: World, target_http: TargetHttp, tmp_path: Path
) -> None:
    step = unanswered(world, target_http, tmp_path / "asked")
    off(world, "local")
    engine.run(step, time.monotonic())
    control.request_cancel(step.execution_id, user=world.olga, reason="enough")
    work_off()
    run = StepRun.objects.get()
    assert (run.status, status_of(step.execution_id)) == ("interrupted", "needs_attention")
    assert "the probe was not asked: switched off (Acme, local) by olga: the network shakes" in run.detail
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(("environment", "is_held"), [("", True), ("dev", True), ("prod", False)])
def test_after_a_lost_worker_the_probe_waits_too_where_the_switch_reaches(
    world: World, tmp_path: Path, environment: str, is_held: bool
) -> None:
    world.here()
    lost(world, unsafe_step(target="here", effect="checkable", verify=asking(tmp_path / "asked")))
    sweeper.tick()
    switch = off(world, "local", environment=environment)
    work_off()
    assert (tmp_path / "asked").exists() is not is_held
    if is_held:
        assert switches.holding(Execution.objects.get()) == [switch]
        lift(world, switch)
        work_off()
    assert StepRun.objects.get().category == "verified"


def test_a_switch_that_comes_between_claim_and_probe_uses_up_no_attempt(world: World, tmp_path: Path) -> None:
    world.here()
    lost(world, unsafe_step(target="here", effect="checkable", verify=asking(tmp_path / "asked")))
    sweeper.tick()
    step = claim()
    assert step is not None
    switch = off(world, "local")
    engine.run(step, time.monotonic())
    run = StepRun.objects.get()
    assert (run.status, run.resume, run.verify_first, run.attempt) == ("ready", False, True, 1)
    lift(world, switch)
    work_off()
    assert (StepRun.objects.get().category, StepRun.objects.get().attempt) == ("verified", 2)


@pytest.mark.parametrize(
    ("connector", "mode", "is_called"),
    [("local", "stop", False), ("local", "hold", True), ("", "stop", True), ("ssh", "stop", True)],
)
def test_a_clean_up_is_not_called_where_its_connector_is_stopped(
    world: World, tmp_path: Path, connector: str, mode: str, is_called: bool
) -> None:
    world.here()
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    on_cancel = {"kind": "script", "with": {"script": f"touch {cleaned}"}}
    execution_id = world.submit(
        script(f"touch {begun}; sleep 60", on_cancel=on_cancel), targets=["here"]
    ).execution_id

    def act() -> None:
        until(begun.exists)
        off(world, connector, mode)
        if mode == "hold" or connector == "ssh":
            control.request_cancel(execution_id, user=world.olga, reason="enough")

    while_working(act)
    (run,) = runs_of(execution_id)
    assert (run.status, run.cleaned_up, cleaned.exists()) == ("cancelled", is_called, is_called)
    if not is_called:
        said = "not run: switched off (Acme, local) by olga: the network shakes"
        assert run.cleanup_detail == said
        assert said in DeadLetter.objects.get(category="cleanup").reason
