"""Switches hold runs back, end them, and give way: for everybody, a tenant, an environment or a connector."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from executions import control, engine, lifecycle, sweeper, switching
from executions.errors import Conflict, NotAllowed, NotFound, Refused, SwitchedOff
from executions.holdings import HOLDINGS
from executions.models import Event, Execution
from executions.switching import Scope
from safety.choices import Role
from safety.models import AccessDecision, Membership, Switch
from tests import factories
from tests.world import World, in_threads, script, states_of, status_of, until, wait_step, work_off

HOUR_S = 3600.0


def turn(scope: Scope, user: User, mode: str = "hold") -> Switch:
    return switching.turn(scope, mode=mode, user=user, reason="the switch room burns", lasts_s=HOUR_S)


def one_step() -> None:
    """A worker runs the next step run, and no more."""
    step = lifecycle.claim_from("fast", worker=HOLDINGS.worker, ttl_s=30)
    assert step is not None
    engine.run(step, time.monotonic())


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


def test_a_hold_lets_nothing_begin_until_it_is_lifted(world: World, working: None) -> None:
    execution_id = world.submit(wait_step()).execution_id
    switch = turn(Scope(tenant=world.acme), world.olga)
    work_off()
    assert status_of(execution_id) == "queued"
    switching.lift(switch.pk, user=world.olga, reason="it is out")
    work_off()
    assert status_of(execution_id) == "succeeded"
    told = Event.objects.filter(type__startswith="switch.").order_by("id")
    assert [(event.type, event.actor) for event in told] == [
        ("switch.turned", "olga"),
        ("switch.lifted", "olga"),
    ]
    assert told[0].data["reason"] == "the switch room burns"


def test_a_hold_comes_between_two_steps(world: World, working: None) -> None:
    execution_id = world.submit(wait_step("a"), wait_step("b")).execution_id
    one_step()
    turn(Scope(tenant=world.acme), world.olga)
    work_off()
    assert states_of(execution_id) == {"a": "succeeded", "b": "ready"}


def test_no_new_runs_lets_what_has_begun_go_on(world: World, working: None) -> None:
    begun = world.submit(wait_step("a"), wait_step("b")).execution_id
    one_step()
    waiting = world.submit(wait_step()).execution_id
    turn(Scope(tenant=world.acme), world.olga, "no_new_runs")
    work_off()
    assert (status_of(begun), status_of(waiting)) == ("succeeded", "queued")


@pytest.mark.parametrize("mode", ["no_new_runs", "hold", "stop"])
def test_nothing_new_is_taken_and_the_refusal_says_why_and_until_when(world: World, mode: str) -> None:
    switch = turn(Scope(tenant=world.acme), world.olga, mode)
    with pytest.raises(SwitchedOff, match="by olga: the switch room burns") as refused:
        world.submit(wait_step())
    assert f"{switch.ends_at:%Y-%m-%d %H:%M} UTC" in refused.value.hint
    assert not Execution.objects.exists()


def test_a_repeated_submission_answers_also_while_runs_are_switched_off(world: World) -> None:
    first = world.submit(wait_step(), name="the same")
    turn(Scope(tenant=world.acme), world.olga)
    again = world.submit(wait_step(), name="the same")
    assert (again.execution_id, again.created) == (first.execution_id, False)


def test_a_switch_reaches_only_its_tenant_environment_and_connector(
    world: World, working: None, root: User
) -> None:
    world.here("dev-1")
    world.here("staging-1", environment="staging")
    plans = {
        "dev": world.submit(script("true"), targets=["dev-1"]),
        "staging": world.submit(script("true"), targets=["staging-1"]),
        "wait": world.submit(wait_step()),
    }
    switches = [
        turn(Scope(tenant=world.other), root),
        turn(Scope(tenant=world.acme, environment="staging"), world.olga),
        turn(Scope(connector="wait"), root),
    ]
    work_off()
    assert {name: status_of(plan.execution_id) for name, plan in plans.items()} == {
        "dev": "succeeded",
        "staging": "queued",
        "wait": "queued",
    }
    world.submit(script("true", id_="again"), targets=["dev-1"])
    with pytest.raises(SwitchedOff, match="Acme, staging"):
        world.submit(script("true", id_="again"), targets=["staging-1"])
    with pytest.raises(SwitchedOff, match="by the platform's operators"):
        world.submit(wait_step("again"))
    for switch in switches:
        switching.lift(switch.pk, user=root, reason="done")
    work_off()
    assert {status_of(plan.execution_id) for plan in plans.values()} == {"succeeded"}


def test_a_connector_is_what_reaches_the_target(world: World) -> None:
    world.here("dev-1")
    turn(Scope(tenant=world.acme, connector="ssh"), world.olga)
    world.submit(script("true"), targets=["dev-1"])
    turn(Scope(tenant=world.acme, connector="local"), world.olga)
    with pytest.raises(SwitchedOff, match="Acme, local"):
        world.submit(script("true", id_="more"), targets=["dev-1"])


def test_stop_ends_what_runs_within_two_seconds_and_leaves_what_waits(
    world: World, working: None, tmp_path: Path
) -> None:
    world.here()
    mark = tmp_path / "began"
    running = world.submit(script(f"touch {mark}; sleep 60"), targets=["here"]).execution_id
    waiting = world.submit(wait_step("long", estimate=100)).execution_id

    def act(number: int) -> None:
        if number:
            work_off(("fast",))
        else:
            until(mark.exists)
            turn(Scope(tenant=world.acme), world.olga, "stop")

    began = time.monotonic()
    in_threads(2, act)
    assert time.monotonic() - began < 30
    stopped = Execution.objects.get(pk=running)
    assert (stopped.status, stopped.cancel_actor) == ("cancelled", "olga")
    assert stopped.cancel_reason == "switched off (Acme): the switch room burns"
    assert status_of(waiting) == "queued"


def test_a_switch_ends_by_itself(world: World, working: None) -> None:
    execution_id = world.submit(wait_step()).execution_id
    factories.a_switch(world.acme, ends_at=timezone.now() + timedelta(seconds=0.3))
    work_off()
    assert status_of(execution_id) == "queued"
    until(lambda: work_off() or status_of(execution_id) == "succeeded")
    assert sweeper.tick()["switches_ended"] == 1
    over = Switch.objects.get()
    assert (over.lifted_by, over.lifted_at) == ("scheduler", over.ends_at)
    assert Event.objects.get(type="switch.lifted").data["why"] == "it came to its end"


def test_what_waits_while_held_spends_none_of_its_time(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    switch = turn(Scope(tenant=world.acme, connector="wait"), world.olga)
    sweeper.tick()
    assert Execution.objects.get(pk=execution_id).clock == "pause"
    switching.lift(switch.pk, user=world.olga, reason="done")
    sweeper.tick()
    assert Execution.objects.get(pk=execution_id).clock == "queue"


def test_one_switch_stands_in_one_scope_however_many_turn_it(world: World, root: User) -> None:
    in_threads(6, lambda _: turn(Scope(tenant=world.acme), world.olga))
    assert Switch.objects.standing().count() == 1
    assert Switch.objects.filter(lift_reason="replaced by another one").count() == 5
    assert turn(Scope(tenant=world.acme), world.olga, "stop") == Switch.objects.standing().get()


def test_who_may_not_turn_a_switch_changes_nothing_and_is_on_record(world: World) -> None:
    switch = factories.a_switch(world.acme)
    for user, refused in ((world.tom, NotAllowed), (world.nina, NotFound)):
        with pytest.raises(refused):
            turn(Scope(tenant=world.acme), user)
        with pytest.raises(refused):
            switching.lift(switch.pk, user=user, reason="mine")
    with pytest.raises(NotAllowed, match="superuser"):
        turn(Scope(environment="prod"), world.olga)
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    with pytest.raises(NotAllowed):
        turn(Scope(tenant=world.acme), world.olga)
    assert turn(Scope(tenant=world.acme, environment="dev"), world.olga)
    assert Switch.objects.get(pk=switch.pk).lifted_at is None
    assert AccessDecision.objects.filter(question="safety.turn_switch", allowed=False).count() >= 2
    assert list(switching.visible(world.nina)) == []


@pytest.mark.parametrize(
    ("reason", "lasts_s", "mode"), [(" ", 60, "hold"), ("x", 0, "hold"), ("x", 1e9, "hold"), ("x", 60, "off")]
)
def test_bad_input_is_refused(world: World, reason: str, lasts_s: float, mode: str) -> None:
    with pytest.raises(Refused):
        switching.turn(Scope(tenant=world.acme), mode=mode, user=world.olga, reason=reason, lasts_s=lasts_s)
    assert not Switch.objects.exists()


def test_a_switch_that_is_over_cannot_be_lifted(world: World) -> None:
    switch = turn(Scope(tenant=world.acme), world.olga)
    switching.lift(switch.pk, user=world.olga, reason="done")
    with pytest.raises(Conflict):
        switching.lift(switch.pk, user=world.olga, reason="done")


def test_a_retry_is_a_new_run_too(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    control.request_cancel(execution_id, user=world.olga, reason="x")
    factories.a_switch(world.acme, "no_new_runs")
    with pytest.raises(SwitchedOff):
        control.retry(execution_id, user=world.olga)


def test_a_requester_may_not_switch_off_what_others_run(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(role=Role.REQUESTER)
    with pytest.raises(NotAllowed):
        turn(Scope(tenant=world.acme), world.olga)
