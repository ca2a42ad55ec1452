"""A person who takes an asset away locks in the same order as everybody else."""

import threading

from django.db import transaction

from executions import releasing
from safety import leases
from safety.choices import Role
from safety.models import Lease, Lockable, Membership
from tests.integration.test_bad_nights import somebody_waits
from tests.world import World, in_threads, script, until


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
