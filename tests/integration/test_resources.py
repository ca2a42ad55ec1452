"""Resources that are deleted, or made smaller, while somebody wants them."""

from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from executions import lifecycle
from executions.models import Execution, StepRun
from safety import leases
from safety.leases import ResourceGone, Want
from safety.models import Lease, LeaseMode, LinePlace, Resource
from tests.losing import LONG_AGO
from tests.world import World, runs_of, script, status_of, work_off, work_until_over

pytestmark = pytest.mark.usefixtures("working")


def a_pool(world: World, capacity: int) -> Resource:
    return Resource.objects.create(tenant=world.acme, name="pool", capacity=capacity)


def hold(world: World, pool: Resource, quantity: int) -> UUID:
    """Another execution has so many units."""
    holder = uuid4()
    want = Want(pool.pk, LeaseMode.SHARED, quantity)
    leases.acquire(tenant_id=world.acme.pk, execution_id=holder, wants=[want], worker="w", ttl_s=3000)
    return holder


def queued(world: World, target: str, quantity: int) -> UUID:
    world.here(target)
    wanted = [{"name": "pool", "quantity": quantity}]
    return world.submit(script("true"), targets=[target], resources=wanted).execution_id


def look_again() -> None:
    StepRun.objects.filter(status="ready").update(not_before=LONG_AGO)
    work_off()


def refuses_deletion() -> bool:
    try:
        with transaction.atomic():
            Resource.objects.all().delete()
    except IntegrityError as error:
        return "held or waited for" in str(error)
    return False


def test_a_resource_that_is_held_or_waited_for_cannot_be_deleted(world: World) -> None:
    pool = a_pool(world, 1)
    holder = hold(world, pool, 1)
    assert refuses_deletion()
    waits = queued(world, "a", 1)
    work_off()
    Lease.objects.filter(execution_id=holder).delete()
    assert LinePlace.objects.filter(execution_id=waits, lockable_id=pool.pk).exists()
    assert refuses_deletion()
    look_again()
    assert status_of(waits) == "succeeded"
    Resource.objects.all().delete()
    assert not Resource.objects.exists()


def test_a_plan_whose_resource_is_gone_fails_and_says_so(world: World) -> None:
    pool = a_pool(world, 1)
    execution_id = queued(world, "a", 1)
    Execution.objects.update(targets_checked=True)  # otherwise the approval is held against the plan first
    pool.delete()
    assert work_until_over(execution_id) == "failed"
    run = runs_of(execution_id)[0]
    assert (run.category, run.detail) == ("resource_gone", "a resource that the plan asks for was deleted")
    assert not Lease.objects.exists()
    assert not LinePlace.objects.exists()


def test_nobody_gets_a_resource_that_was_never_leased_and_is_gone(world: World) -> None:
    pool = a_pool(world, 1)
    gone = Want(pool.pk, LeaseMode.SHARED, 1)
    pool.delete()
    with pytest.raises(ResourceGone):
        leases.acquire(tenant_id=world.acme.pk, execution_id=uuid4(), wants=[gone], worker="w", ttl_s=30)


def test_who_wants_more_than_there_is_says_so_and_holds_up_nobody(world: World) -> None:
    pool = a_pool(world, 4)
    holder = hold(world, pool, 4)
    large = queued(world, "a", 3)
    work_off()
    small = queued(world, "b", 1)
    work_off()
    Resource.objects.update(capacity=2)
    look_again()
    assert runs_of(large)[0].waiting_for == "wants 3 of pool, which has 2"
    lifecycle.wake_waiting_for(leases.release(holder))
    work_off()
    assert (status_of(small), status_of(large)) == ("succeeded", "running")
    Resource.objects.update(capacity=3)
    look_again()
    assert status_of(large) == "succeeded"
