"""The waiting line under load: who waits costs little, wakes nobody in vain and holds up nothing else."""

import time
from uuid import UUID, uuid4

import pytest

from executions import engine, lifecycle
from executions.models import Execution, StepRun
from safety import leases
from safety.models import Lease, LinePlace
from tests.world import World, runs_of, script, status_of, work_off

LONG_S = 900.0

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture(autouse=True)
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody finds out by looking again: what goes on was woken."""
    monkeypatch.setattr(engine, "LOCK_POLL_S", LONG_S)
    monkeypatch.setattr(engine, "LONGEST_SHIFT_S", LONG_S)


def held(world: World, *names: str) -> UUID:
    """A holder of these assets that is no execution of the tenant."""
    holder = uuid4()
    assets = [asset.pk for asset in world.acme.assets.filter(name__in=names)]
    leases.acquire(tenant_id=world.acme.pk, execution_id=holder, assets=assets, worker="w", ttl_s=3000)
    return holder


def queued(world: World, *targets: str, **header: object) -> UUID:
    return world.submit(script("true"), targets=list(targets), **header).execution_id


def read_of(world: World, target: str) -> UUID:
    return world.submit(script("true", action_class="read"), targets=[target]).execution_id


def free(holder: UUID) -> list[UUID]:
    return [run.step_run_id for run in lifecycle.wake_waiting_for(leases.release(holder))]


def test_each_step_run_of_two_overlapping_wide_plans_looks_once_and_other_work_goes_on(world: World) -> None:
    names = [f"n{number:02}" for number in range(12)]
    for name in (*names, "elsewhere"):
        world.here(name)
    held(world, names[0])
    wide = [queued(world, *names), queued(world, *names[1:])]
    other = read_of(world, "elsewhere")
    assert work_off() == 12 + 11 + 1
    assert [status_of(pk) for pk in (*wide, other)] == ["running", "running", "succeeded"]
    assert LinePlace.objects.count() == 12 + 11


def test_who_gets_its_turn_is_woken_once_and_its_other_step_runs_follow_without_a_poll(world: World) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        world.here(name)
    holder = held(world, "a")
    first, behind = queued(world, *names), queued(world, *names[1:])
    work_off()
    woken = free(holder)
    assert len(woken) == 1
    assert StepRun.objects.get(pk=woken[0]).execution_id == first
    assert work_off() == len(names) + len(names[1:])
    assert [status_of(pk) for pk in (first, behind)] == ["succeeded", "succeeded"]
    assert not Lease.objects.exists()
    assert not LinePlace.objects.exists()


def test_a_plan_that_is_held_up_at_one_of_its_assets_is_not_woken_for_another(world: World) -> None:
    for name in ("a", "b"):
        world.here(name)
    at_a, at_b = held(world, "a"), held(world, "b")
    waits = queued(world, "a", "b")
    work_off()
    assert free(at_b) == []
    assert work_off() == 0
    assert len(free(at_a)) == 1
    work_off()
    assert status_of(waits) == "succeeded"


def test_a_plan_that_was_freed_while_it_began_to_wait_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.here("a")
    holder = held(world, "a")
    waits = queued(world, "a")
    begins_to_wait = lifecycle.wait_for_assets

    def freed_before(*args: object, **more: object) -> None:
        assert free(holder) == []  # its step run is still at work, and cannot be woken
        begins_to_wait(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(lifecycle, "wait_for_assets", freed_before)
    work_off()
    assert status_of(waits) == "succeeded"


def test_another_look_of_a_waiter_comes_after_work_that_was_ready_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_POLL_S", 0.2)
    for name in ("a", "elsewhere"):
        world.here(name)
    held(world, "a")
    waits = queued(world, "a")
    queue = runs_of(waits)[0].queue
    step = lifecycle.claim_from(queue, worker="w", ttl_s=30)
    assert step is not None
    engine.run(step, time.monotonic())
    other = read_of(world, "elsewhere")
    StepRun.objects.filter(execution=other).update(queue=queue)
    time.sleep(0.3)
    claimed = [lifecycle.claim_from(queue, worker="w", ttl_s=30) for _ in range(2)]
    assert [step and step.execution_id for step in claimed] == [other, waits]
    assert Execution.objects.get(pk=waits).status == "running"
