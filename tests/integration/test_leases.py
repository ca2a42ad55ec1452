"""Leases by themselves: all or nothing, in the order of asking, alone or beside others, never stolen."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from safety import leases
from safety.leases import AssetBusy, Want
from safety.models import Lease, LeaseMode, LinePlace, Reservation, Resource, Tenant
from tests.world import in_threads

pytestmark = pytest.mark.usefixtures("live_db")

TTL_S = 30.0


@pytest.fixture
def assets() -> list[UUID]:
    return sorted(uuid4() for _ in range(3))


def take(
    execution: UUID, *assets: UUID, shared: Iterable[Want] = (), own: UUID | None = None, **more: object
) -> int | None:
    wanted = {"tenant_id": 1, "worker": "w", "ttl_s": TTL_S} | more
    return leases.acquire(execution_id=execution, assets=assets, wants=list(shared), own=own, **wanted)


def blocked(execution: UUID, *assets: UUID, **more: object) -> set[str]:
    """The kinds of what stands in the way."""
    with pytest.raises(AssetBusy) as busy:
        take(execution, *assets, **more)
    return {blocker.kind for blocker in busy.value.blockers}


def holders(asset: UUID) -> set[UUID]:
    return set(Lease.objects.filter(lockable_id=asset).values_list("execution_id", flat=True))


def read(*assets: UUID) -> list[Want]:
    return [Want(asset, LeaseMode.SHARED) for asset in assets]


def test_who_cannot_have_everything_gets_nothing(assets: list[UUID]) -> None:
    first, second = uuid4(), uuid4()
    take(first, assets[1])
    assert blocked(second, *assets) == {"held"}
    assert not Lease.objects.filter(execution_id=second).exists()


def test_thousands_are_taken_at_once() -> None:
    many, execution = [uuid4() for _ in range(2000)], uuid4()
    take(execution, *many)
    assert Lease.objects.filter(execution_id=execution).count() == 2000


def test_nobody_overtakes_in_line(assets: list[UUID]) -> None:
    """The third wants only what is free, but the second asked for it before."""
    first, second, third = uuid4(), uuid4(), uuid4()
    take(first, assets[0])
    assert blocked(second, assets[0], assets[1]) == {"held"}
    assert blocked(third, assets[1]) == {"line"}
    assert leases.next_in_line(leases.release(first)) == [second]
    assert blocked(third, assets[1]) == {"line"}
    take(second, assets[0], assets[1])
    assert blocked(third, assets[1]) == {"held"}
    assert leases.next_in_line(leases.release(second)) == [third]


def test_who_leaves_the_line_holds_nobody_up(assets: list[UUID]) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    take(first, assets[0])
    blocked(second, assets[0], assets[1])
    blocked(third, assets[1])
    assert leases.next_in_line(leases.leave_line(second)) == [third]
    take(third, assets[1])


def test_who_may_not_wait_does_not_stand_in_line(assets: list[UUID]) -> None:
    first, second = uuid4(), uuid4()
    take(first, assets[0])
    blocked(second, assets[0], in_line=False)
    assert not LinePlace.objects.exists()


def test_readers_stand_beside_each_other_and_a_writer_waits_for_all(assets: list[UUID]) -> None:
    readers, writer, late = [uuid4(), uuid4()], uuid4(), uuid4()
    for reader in readers:
        take(reader, shared=read(assets[0]))
    assert blocked(writer, assets[0]) == {"held"}
    assert blocked(late, shared=read(assets[0])) == {"line"}
    assert leases.next_in_line(leases.release(readers[0])) == []
    assert leases.next_in_line(leases.release(readers[1])) == [writer]
    take(writer, assets[0])
    assert blocked(late, shared=read(assets[0])) == {"held"}


def test_of_a_resource_no_more_is_held_than_there_is() -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    pool = Resource.objects.create(tenant=tenant, name="pool", capacity=3)

    def units(quantity: int) -> list[Want]:
        return [Want(pool.pk, LeaseMode.SHARED, quantity)]

    first, second, third = uuid4(), uuid4(), uuid4()
    take(first, shared=units(2))
    assert blocked(second, shared=units(2)) == {"held"}
    assert blocked(third, shared=units(1)) == {"line"}
    assert set(leases.next_in_line(leases.release(first))) == {second, third}
    take(second, shared=units(2))
    take(third, shared=units(1))
    assert blocked(uuid4(), shared=units(4)) == {"held", "capacity"}


def test_a_lease_that_ran_out_is_stolen_by_nobody_and_its_holder_gets_a_new_token(
    assets: list[UUID],
) -> None:
    first = uuid4()
    token = take(first, assets[0], own=assets[0])
    assert take(first, assets[0], own=assets[0]) == token
    Lease.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert blocked(uuid4(), assets[0]) == {"held"}
    again = take(first, assets[0], own=assets[0])
    assert token is not None
    assert again is not None
    assert again > token
    assert not leases.holds(first, assets[0], token)
    assert leases.holds(first, assets[0], again)


def test_a_reserved_asset_is_for_its_persons_executions_only(assets: list[UUID]) -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    olga = User.objects.create_user("olga")
    until = timezone.now() + timedelta(hours=1)
    Reservation.objects.create(
        tenant=tenant, asset_id=assets[0], person=olga, reason="firmware", ends_at=until
    )
    toms, free, hers = uuid4(), uuid4(), uuid4()
    assert blocked(toms, assets[0], assets[1], actor_id=olga.pk + 1) == {"reserved"}
    assert leases.next_in_line([assets[0]]) == []
    take(free, assets[1], actor_id=olga.pk + 2)  # who waits for a person holds nobody up
    take(hers, assets[0], actor_id=olga.pk)
    leases.release(hers)
    leases.release(free)
    Reservation.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert leases.next_in_line([assets[0]]) == [toms]
    take(toms, assets[0], assets[1], actor_id=olga.pk + 1)


def test_what_is_kept_for_a_person_stays_after_the_end_and_holds_up_only_those_who_want_it(
    assets: list[UUID],
) -> None:
    lost, waits, other = uuid4(), uuid4(), uuid4()
    take(lost, assets[0], assets[1])
    leases.keep_for_review(lost, asset_id=assets[0], reason="unknown")
    assert leases.release(lost) == [assets[1]]
    assert blocked(waits, *assets) == {"held"}
    take(other, assets[2])
    assert leases.release(lost, reviewed=True) == [assets[0]]


def test_two_that_ask_at_one_moment_never_both_get_it(assets: list[UUID]) -> None:
    for _ in range(20):
        asset = uuid4()

        def ask(_number: int, asset: UUID = asset) -> bool:
            take(uuid4(), asset)
            return True

        won = in_threads(4, ask)
        assert won.count(True) == 1
        assert all(result is True or isinstance(result, AssetBusy) for result in won)
        assert len(holders(asset)) == 1
