"""Waits for busy assets: what they cost the history, what does not count, who goes first, what others learn."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db.models import F
from django.test import Client

from executions import engine, reservations, sweeper
from executions.cli.lines import busy_lockables
from executions.models import Asset, Execution, StepRun
from executions.standing import standings
from safety import leases
from safety.models import Lease, LinePlace, Membership, Resource
from tests import factories
from tests.world import World, events_of, runs_of, script, states_of, status_of, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")
LONG_S = 900.0


@pytest.fixture(autouse=True)
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOCK_POLL_S", LONG_S)


def held(world: World, *names: str) -> UUID:
    holder = uuid4()
    assets = [asset.pk for asset in world.acme.assets.filter(name__in=names)]
    leases.acquire(tenant_id=world.acme.pk, execution_id=holder, assets=assets, worker="w", ttl_s=3000)
    return holder


def look_again() -> None:
    StepRun.objects.filter(status="ready").update(not_before=None)
    work_off()


def time_passes(seconds: float) -> None:
    past = timedelta(seconds=seconds)
    StepRun.objects.filter(waiting_since__isnull=False).update(waiting_since=F("waiting_since") - past)
    Execution.objects.filter(clock_since__isnull=False).update(clock_since=F("clock_since") - past)


def test_looking_again_and_again_writes_one_line_of_history(world: World) -> None:
    world.here("a")
    holder = held(world, "a")
    execution_id = world.submit(script("true"), targets=["a"]).execution_id
    work_off()
    for _ in range(5):
        look_again()
    told = events_of(execution_id)
    assert (told.count("lock.waiting"), told.count("step.started")) == (1, 1)
    leases.release(holder)
    look_again()
    assert status_of(execution_id) == "succeeded"


def test_what_it_waits_for_then_is_told_when_that_changes(world: World) -> None:
    world.here("a"), world.here("b")
    holder = held(world, "a", "b")
    execution_id = world.submit(script("true"), targets=["a", "b"]).execution_id
    work_off()
    before = events_of(execution_id).count("lock.waiting")
    Lease.objects.filter(execution_id=holder, lockable_id=Asset.objects.get(name="a").pk).delete()
    look_again()
    assert events_of(execution_id).count("lock.waiting") > before


def test_a_hold_uses_up_nothing_of_a_limited_wait(world: World) -> None:
    world.here("a")
    holder = held(world, "a")
    execution_id = world.submit(script("true"), targets=["a"], max_wait=60).execution_id
    work_off()
    time_passes(20)
    factories.a_switch(world.acme)
    sweeper.tick()
    time_passes(5000)
    factories.switches_lifted()
    look_again()  # also before the next sweep turns the clock
    (run,) = runs_of(execution_id)
    assert run.status == "ready"
    assert 19 < run.lock_wait_s < 25
    sweeper.tick()
    time_passes(41)
    look_again()
    assert runs_of(execution_id)[0].category == "asset_busy"
    leases.release(holder)


def test_one_step_run_at_its_limit_keeps_the_place_for_the_others_that_wait(world: World) -> None:
    for name in ("a", "b"):
        world.here(name)
    held(world, "a", "b")
    execution_id = world.submit(
        script("true", on_failure="continue"), targets=["a", "b"], max_wait=60
    ).execution_id
    work_off()
    first = runs_of(execution_id)[0]
    StepRun.objects.filter(pk=first.pk).update(lock_wait_s=60, not_before=None)
    work_off()
    assert sorted(run.status for run in runs_of(execution_id)) == ["failed", "ready"]
    assert LinePlace.objects.filter(execution_id=execution_id).count() == 2


def test_who_stands_behind_somebody_that_a_person_holds_up_goes_first_without_a_poll(world: World) -> None:
    a, b = world.here("a"), world.here("b")
    holder = held(world, "a")
    wide = world.submit(script("true"), targets=["a", "b"]).execution_id
    narrow = world.submit(script("true"), targets=["b"]).execution_id
    work_off()
    assert {status_of(wide), status_of(narrow)} == {"running"}
    assert states_of(narrow) == {"work": "ready"}  # behind the wide one, which waits for `a`
    Membership.objects.filter(user=world.tom).update(role="operator")
    reservations.reserve(a.pk, user=world.tom, reason="firmware", lasts_s=600)
    assert sweeper.tick()["overtaking"] == 1
    work_off()
    assert status_of(narrow) == "succeeded"
    assert b.pk not in {place.lockable_id for place in LinePlace.objects.filter(execution_id=narrow)}
    leases.release(holder)


def test_holding_others_up_counts_as_a_change(world: World) -> None:
    world.here("prod-1", environment="prod")
    Resource.objects.create(tenant=world.acme, name="licence", capacity=1)
    Membership.objects.filter(user=world.olga).update(action_classes=["read"])
    look = script("true", action_class="read")
    assert world.submit(look, targets=["prod-1"]).approval_level == 0
    from executions.errors import NotAllowed

    with pytest.raises(NotAllowed, match="modify steps for Acme in dev"):
        world.submit(wait_step(), resources=[{"name": "licence"}])
    with pytest.raises(NotAllowed, match="modify steps for Acme in prod"):
        world.submit(look, targets=["prod-1"], lock_reads=True)
    Membership.objects.filter(user=world.olga).update(action_classes=[])
    assert world.submit(look, targets=["prod-1"], lock_reads=True).approval_level == 2


def test_whoever_loses_the_right_to_change_holds_nobody_up_any_longer(world: World) -> None:
    Resource.objects.create(tenant=world.acme, name="licence", capacity=1)
    execution_id = world.submit(wait_step("a"), wait_step("b"), resources=[{"name": "licence"}]).execution_id
    Membership.objects.filter(user=world.olga).update(action_classes=["read"])
    work_off()
    run = runs_of(execution_id)[0]
    assert (run.status, run.category) == ("failed", "rbac")
    assert run.detail == "not allowed: the role operator is limited to read steps, this is modify"
    assert not Lease.objects.exists()


def test_an_asset_that_was_given_to_another_tenant_tells_it_nothing_of_the_first(world: World) -> None:
    asset = world.here("a")
    holder = factories.an_execution(world.olga, tenant=world.acme, name="secret project", status="running")
    factories.a_lease(holder, asset, under_review=True, reason="secret project was lost")
    world.submit(script("true"), targets=["a"], name="also secret")
    work_off()
    Asset.objects.filter(pk=asset.pk).update(tenant=world.other)
    (standing,) = standings([asset.pk])
    said = f"{standing} {standing.about(holder.pk)}"
    assert "secret" not in said
    assert "olga" not in said
    assert [one.name for one in (*standing.holders, *standing.line)] == ["another execution"] * 2
    client = Client()
    client.force_login(world.nina)
    page = client.get(f"/assets/{asset.pk}/").content.decode()
    assert "another execution" in page
    assert "secret" not in page
    assert busy_lockables(world.nina) == []
