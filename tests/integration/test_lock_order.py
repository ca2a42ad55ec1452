"""A person who takes an asset away locks in the same order as everybody else."""

import threading
from uuid import uuid4

import pytest
from django.db import transaction

from executions import releasing
from safety import leases
from safety.choices import Role
from safety.models import Lease, Lockable, Membership
from tests.integration.test_bad_nights import somebody_waits
from tests.world import World, in_threads, script, until

FAR_AHEAD = "2100-01-01T00:00Z"


def test_a_forced_release_holds_nothing_while_it_waits_for_an_earlier_asset(world: World) -> None:
    first, last = sorted(world.here(name).pk for name in "xy")
    execution = world.submit(script("true"), targets=["x", "y"]).execution_id
    leases.acquire(
        tenant_id=world.acme.pk, execution_id=execution, assets=[first, last], worker="w", ttl_s=30
    )
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    locked = threading.Event()

    def take_away_or_look(number: int) -> bool:
        if number == 1:
            assert locked.wait(10)
            releasing.release_lease(last, user=world.tom, reason="hangs", force=True)
            return True
        with transaction.atomic():
            Lockable.objects.select_for_update().get(pk=first)
            locked.set()
            until(somebody_waits)
            return Lockable.objects.select_for_update(skip_locked=True).filter(pk=last).exists()

    assert in_threads(2, take_away_or_look) == [True, True]
    assert not Lease.objects.exists()


def test_forced_releases_and_those_who_wait_for_the_same_assets_never_deadlock(world: World) -> None:
    names = [f"n{number:02}" for number in range(40)]
    assets = sorted(world.here(name).pk for name in names)
    kept = world.here("kept").pk
    everything = {"tenant_id": world.acme.pk, "worker": "w", "ttl_s": 3000}
    leases.acquire(execution_id=uuid4(), assets=[kept], **everything)
    holders = [world.submit(script("true"), targets=names).execution_id for _ in range(10)]
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    over = threading.Event()

    def take_away_or_ask(number: int) -> None:
        if number:
            waiter = uuid4()
            while not over.is_set():
                with pytest.raises(leases.AssetBusy):  # a deadlock is an OperationalError
                    leases.acquire(execution_id=waiter, assets=[*assets, kept], **everything)
            return
        try:
            for token, holder in enumerate(holders, start=10_000):
                a_lease = {"tenant_id": world.acme.pk, "execution_id": holder, "token": token}
                Lease.objects.bulk_create(
                    Lease(lockable_id=asset, expires_at=FAR_AHEAD, **a_lease) for asset in assets
                )
                releasing.release_lease(assets[-1], user=world.tom, reason="hangs", force=True)
                Lease.objects.filter(execution_id=holder).delete()
        finally:
            over.set()

    assert in_threads(4, take_away_or_ask) == [None] * 4
