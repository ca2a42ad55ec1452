"""The waiting line, resources, reservations and forced release, as executions and people meet them."""

import time
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import LazySettings as Settings

from executions import control, engine, lifecycle, releasing, reservations, sweeper
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.gates import StepEffects
from executions.models import Event, Execution, StepRun
from executions.plans import PlanInvalid
from executions.submission import submit
from safety import leases
from safety.cancellation import CancelToken
from safety.choices import Role
from safety.context import AssetTaken, Outcome, OutcomeStatus
from safety.models import Lease, LinePlace, Membership, Reservation, Resource
from tests.losing import LONG_AGO, claim
from tests.world import (
    World,
    events_of,
    in_threads,
    runs_of,
    script,
    states_of,
    status_of,
    work_off,
    work_until_over,
)

pytestmark = pytest.mark.usefixtures("working")

OK = Outcome(status=OutcomeStatus.SUCCEEDED)


def hold(world: World, execution_id: UUID, *names: str) -> None:
    assets = [asset.pk for asset in world.acme.assets.filter(name__in=names)]
    leases.acquire(tenant_id=world.acme.pk, execution_id=execution_id, assets=assets, worker="w", ttl_s=300)


def free(execution_id: UUID) -> None:
    lifecycle.wake_waiting_for(leases.release(execution_id))


def waiting_for(execution_id: UUID) -> str:
    return runs_of(execution_id)[0].waiting_for


def admin(world: World) -> None:
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)


def queued(world: World, *targets: str, **header: object) -> UUID:
    return world.submit(script("true"), targets=list(targets), **header).execution_id


def test_each_waiter_is_told_its_place_its_holder_and_about_how_long(world: World) -> None:
    world.here("web-01")
    first = queued(world, "web-01", name="Patch staging")
    hold(world, first, "web-01")
    Execution.objects.filter(pk=first).update(started_at="2020-01-01T00:00Z", estimate_s=240)
    StepRun.objects.filter(execution=first).update(not_before="2100-01-01T00:00Z")
    second, third = queued(world, "web-01"), queued(world, "web-01")
    work_off()
    assert waiting_for(second).startswith("1st in line for web-01, held by Patch staging (olga, ")
    Execution.objects.filter(pk=first).update(started_at=None)
    StepRun.objects.filter(execution=third).update(not_before=LONG_AGO)
    work_off()
    assert waiting_for(third).startswith("2nd in line for web-01, held by Patch staging (olga, ")
    assert waiting_for(third).endswith("about 4 min")


def test_a_wide_plan_is_not_starved_by_narrow_ones_that_came_later(world: World) -> None:
    for name in ("a", "b"):
        world.here(name)
    holder = queued(world, "a")
    hold(world, holder, "a")
    StepRun.objects.filter(execution=holder).update(not_before="2100-01-01T00:00Z")
    wide = queued(world, "a", "b")
    work_off()
    narrow = queued(world, "b")
    work_off()
    assert {status_of(wide), status_of(narrow)} == {"running"}
    assert "1st in line for a" in waiting_for(wide)
    assert "in line for b" in waiting_for(narrow)
    free(holder)
    assert work_until_over(wide) == "succeeded"
    assert work_until_over(narrow) == "succeeded"
    ended = [Execution.objects.get(pk=pk).finished_at for pk in (wide, narrow)]
    assert ended[0] <= ended[1]
    assert not LinePlace.objects.exists()


def test_who_is_cancelled_while_waiting_leaves_the_line_and_the_next_goes_on(world: World) -> None:
    for name in ("a", "b"):
        world.here(name)
    holder = queued(world, "a")
    hold(world, holder, "a")
    StepRun.objects.filter(execution=holder).update(not_before="2100-01-01T00:00Z")
    waits, behind = queued(world, "a", "b"), queued(world, "b")
    work_off()
    assert status_of(behind) == "running"
    control.request_cancel(waits, user=world.olga, reason="not needed")
    assert status_of(waits) == "cancelled"
    assert not LinePlace.objects.filter(execution_id=waits).exists()
    work_off()
    assert status_of(behind) == "succeeded"


def test_a_plan_may_limit_its_wait_or_not_wait_at_all(world: World) -> None:
    world.here("a")
    holder = queued(world, "a")
    hold(world, holder, "a")
    StepRun.objects.filter(execution=holder).update(not_before="2100-01-01T00:00Z")
    at_once, soon = queued(world, "a", on_busy="fail"), queued(world, "a", max_wait=0.2)
    work_off()
    assert status_of(at_once) == "failed"
    assert runs_of(at_once)[0].category == "asset_busy"
    assert LinePlace.objects.values_list("execution_id", flat=True).distinct().get() == soon
    assert work_until_over(soon) == "failed"
    assert not LinePlace.objects.exists()


def test_a_wait_beyond_the_limit_of_the_installation_is_refused(world: World, settings: Settings) -> None:
    world.here("a")
    settings.OPSC = settings.OPSC | {"LOCK_WAIT_S": 60}
    with pytest.raises(PlanInvalid) as refused:
        queued(world, "a", max_wait=61)
    assert [str(problem.path) for problem in refused.value.problems] == ["max_wait"]


def test_readers_that_ask_to_be_protected_run_beside_each_other_and_not_beside_a_change(world: World) -> None:
    world.here("a")
    read = script("true", action_class="read")
    first, second = (
        world.submit(read, targets=["a"], lock_reads=True, mode="background").execution_id for _ in range(2)
    )
    step = claim(step_run_id=runs_of(first)[0].pk)
    leases.acquire(tenant_id=world.acme.pk, execution_id=first, wants=step.shares, worker=step.key, ttl_s=300)
    change = queued(world, "a")
    work_off()
    assert status_of(second) == "succeeded"
    assert "in line for a" in waiting_for(change)


def test_one_at_a_time_of_a_named_resource(world: World) -> None:
    for name in ("a", "b"):
        world.here(name)
    pool = Resource.objects.create(tenant=world.acme, name="search cluster", capacity=1)
    wanted = [{"name": "search cluster"}]
    first, second = (queued(world, name, resources=wanted) for name in ("a", "b"))
    step = claim(step_run_id=runs_of(first)[0].pk)
    leases.acquire(
        tenant_id=world.acme.pk,
        execution_id=first,
        assets=[runs_of(first)[0].asset_id],
        wants=step.shares,
        worker="w",
        ttl_s=300,
    )
    work_off()
    assert waiting_for(second).startswith("1st in line for search cluster, held by")
    lifecycle.finish(step, OK, worker="w")
    assert work_until_over(second) == "succeeded"
    assert not Lease.objects.filter(lockable_id=pool.pk).exists()


def test_an_unknown_resource_or_more_of_it_than_there_is_is_named_with_its_place(world: World) -> None:
    world.here("a")
    Resource.objects.create(tenant=world.acme, name="pool", capacity=2)
    Resource.objects.create(tenant=world.other, name="theirs", capacity=2)
    wanted = [{"name": "pol"}, {"name": "pool", "quantity": 3}, {"name": "theirs"}]
    with pytest.raises(PlanInvalid) as refused:
        queued(world, "a", resources=wanted)
    assert [(problem.path, problem.code) for problem in refused.value.problems] == [
        ("resources[0].name", "resource.unknown"),
        ("resources[1].quantity", "resource.too_many"),
        ("resources[2].name", "resource.unknown"),
    ]
    with pytest.raises(PlanInvalid, match="twice"):
        queued(world, "a", resources=[{"name": "pool"}, {"name": "pool"}])


def test_a_reserved_asset_waits_for_its_person_and_goes_on_at_the_end(world: World) -> None:
    asset = world.here("a")
    Membership.objects.filter(user=world.tom).update(role=Role.OPERATOR)
    reservations.reserve(asset.pk, user=world.tom, reason="firmware", lasts_s=3600)
    olgas = queued(world, "a")
    work_off()
    assert "reserved by tom until" in waiting_for(olgas)
    assert waiting_for(olgas).endswith("UTC: firmware")
    plan = {"version": 1, "name": "his", "mode": "background", "targets": ["a"], "steps": [script("true")]}
    toms = submit(plan, user=world.tom, tenant=world.acme, confirmed=True).execution_id
    work_off()
    assert status_of(toms) == "succeeded"
    assert status_of(olgas) == "running"
    Reservation.objects.update(ends_at=LONG_AGO)
    assert work_until_over(olgas) == "succeeded"
    assert list(
        Event.objects.filter(type__startswith="lock.reserv").order_by("id").values_list("type", "actor")
    ) == [("lock.reserved", "tom"), ("lock.reservation_ended", "scheduler")]


def test_who_may_reserve_and_who_may_end_it(world: World) -> None:
    asset = world.here("a")
    with pytest.raises(NotFound):
        reservations.reserve(asset.pk, user=world.nina, reason="mine", lasts_s=60)
    with pytest.raises(NotAllowed):
        reservations.reserve(asset.pk, user=world.tom, reason="mine", lasts_s=60)
    for reason, lasts_s in (("", 60), ("x", 0), ("x", 40 * 86_400)):
        with pytest.raises(Refused):
            reservations.reserve(asset.pk, user=world.olga, reason=reason, lasts_s=lasts_s)
    reservations.reserve(asset.pk, user=world.olga, reason="mine", lasts_s=60)
    with pytest.raises(Conflict, match="reserved already by olga: mine"):
        reservations.reserve(asset.pk, user=world.olga, reason="again", lasts_s=60)
    with pytest.raises(NotAllowed, match="reserved by olga"):
        reservations.end_reservation(asset.pk, user=world.tom)
    admin(world)
    reservations.end_reservation(asset.pk, user=world.tom)
    assert Reservation.objects.get().ended_by == "tom"


def test_a_forced_release_stops_the_holder_and_its_step_cannot_succeed_any_more(world: World) -> None:
    asset = world.here("a")
    holder, waits = queued(world, "a"), queued(world, "a")
    step = claim(step_run_id=runs_of(holder)[0].pk)
    token = leases.acquire(
        tenant_id=world.acme.pk, execution_id=holder, assets=[asset.pk], worker="w", ttl_s=300, own=asset.pk
    )
    work_off()
    admin(world)
    with pytest.raises(Conflict, match="at work"):
        releasing.release_lease(asset.pk, user=world.tom, reason="now")
    with pytest.raises(NotAllowed):
        releasing.release_lease(asset.pk, user=world.olga, reason="now", force=True)
    releasing.release_lease(asset.pk, user=world.tom, reason="it hangs", force=True)
    stopped = Execution.objects.get(pk=holder)
    assert stopped.cancel_reason == "a was taken away from it: it hangs"
    work_off()
    assert status_of(waits) == "succeeded"
    with pytest.raises(AssetTaken, match="given to somebody else"):
        lifecycle.finish(step, OK, worker="w", asset_token=token)
    assert states_of(holder) == {"work": "running"}
    forced = Event.objects.get(type="lock.force_released")
    assert (forced.actor, forced.data["reason"], forced.data["name"]) == ("tom", "it hangs", "a")
    assert "execution.cancel_requested" in events_of(holder)


def test_a_good_end_without_the_lease_is_an_unknown_outcome(world: World, tmp_path: Path) -> None:
    asset = world.here("a")
    work = script(f"touch {tmp_path}/begun; while ! test -e {tmp_path}/go; do sleep 0.05; done")
    execution_id = world.submit(work, targets=["a"]).execution_id
    step = claim(step_run_id=runs_of(execution_id)[0].pk)

    def take_away() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.02)
        Lease.objects.filter(lockable_id=asset.pk).delete()
        (tmp_path / "go").touch()

    in_threads(2, lambda number: engine.run(step, time.monotonic()) if number else take_away())
    run = runs_of(execution_id)[0]
    assert (run.status, run.category) == ("interrupted", "asset_taken")
    assert status_of(execution_id) == "needs_attention"


def test_a_step_does_not_begin_without_the_lease_that_was_taken_for_it(world: World) -> None:
    asset = world.here("a")
    execution_id = queued(world, "a")
    step = claim(step_run_id=runs_of(execution_id)[0].pk)
    effects = StepEffects(step, CancelToken())
    token = leases.acquire(
        tenant_id=world.acme.pk,
        execution_id=execution_id,
        assets=[asset.pk],
        worker="w",
        ttl_s=30,
        own=asset.pk,
    )
    effects.holds(token)
    Lease.objects.all().delete()
    with pytest.raises(AssetTaken):
        effects.begin()
    assert not runs_of(execution_id)[0].effects.exists()


def test_who_is_over_or_waits_for_a_person_is_swept_out_of_the_line(world: World) -> None:
    world.here("a")
    holder, waits = queued(world, "a"), queued(world, "a")
    hold(world, holder, "a")
    StepRun.objects.filter(execution=holder).update(not_before="2100-01-01T00:00Z")
    work_off()
    assert LinePlace.objects.filter(execution_id=waits).exists()
    Execution.objects.filter(pk=waits).update(status="needs_attention")
    assert sweeper.tick()["left_the_line"] == 1
    assert not LinePlace.objects.exists()
