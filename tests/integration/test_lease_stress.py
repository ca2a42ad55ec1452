"""Many connections at one set of leases, with pauses beyond expiry; an oracle outside looks for overlap."""

import random
import threading
import time
from collections import defaultdict
from uuid import UUID, uuid4

import pytest

from safety import leases
from safety.leases import AssetBusy, Want
from safety.models import Lease, LeaseMode, LinePlace
from safety.sql import fetch
from tests.lease_mutants import mutated
from tests.world import in_threads

pytestmark = pytest.mark.usefixtures("live_db")

THREADS, SECONDS, TTL_S = 6, 4.0, 0.05


class Oracle:
    """Sees who is at work on what, and knows nothing of leases."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._at_work: dict[UUID, list[tuple[UUID, bool]]] = defaultdict(list)
        self.overlaps = 0
        self.sections = 0

    def enter(self, execution: UUID, wants: list[Want]) -> None:
        with self._guard:
            self.sections += 1
            for want in wants:
                alone = want.mode == LeaseMode.EXCLUSIVE
                there = self._at_work[want.lockable_id]
                self.overlaps += sum(alone or other_alone for _, other_alone in there)
                there.append((execution, alone))

    def leave(self, execution: UUID, wants: list[Want]) -> None:
        with self._guard:
            for want in wants:
                there = self._at_work[want.lockable_id]
                there[:] = [entry for entry in there if entry[0] != execution]


def storm(seconds: float = SECONDS) -> Oracle:
    """So many workers take, hold, are paused, renew, and free; what the oracle saw."""
    oracle, assets = Oracle(), sorted(uuid4() for _ in range(5))
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        chance = random.Random(number)
        while time.monotonic() < until:
            modes = (LeaseMode.EXCLUSIVE, LeaseMode.EXCLUSIVE, LeaseMode.SHARED)
            wants = [
                Want(asset, chance.choice(modes)) for asset in chance.sample(assets, chance.randint(1, 3))
            ]
            _once(oracle, wants, chance)

    results = in_threads(THREADS, work)
    assert results == [None] * THREADS, results
    return oracle


def _once(oracle: Oracle, wants: list[Want], chance: random.Random) -> None:
    execution = uuid4()
    give_up = time.monotonic() + 1
    while time.monotonic() < give_up:
        try:
            leases.acquire(tenant_id=1, execution_id=execution, wants=wants, worker="w", ttl_s=TTL_S)
        except AssetBusy:
            time.sleep(0.002)
            continue
        oracle.enter(execution, wants)
        if chance.random() < 0.3:
            time.sleep(TTL_S * 2)  # a virtual machine that was stopped and goes on
        elif chance.random() < 0.5:
            fetch(leases.RENEW, {"executions": [execution], "ttl": TTL_S})
        oracle.leave(execution, wants)
        break
    leases.release(execution)


def test_no_two_are_ever_where_only_one_may_be() -> None:
    oracle = storm()
    assert oracle.sections > 20
    assert oracle.overlaps == 0
    assert not Lease.objects.exists()
    assert not LinePlace.objects.exists()


@pytest.mark.parametrize("mutant", ["steals_what_expired", "lets_writers_in_beside_readers"])
def test_the_oracle_sees_the_overlap_that_a_weaker_lease_lets_happen(mutant: str) -> None:
    with mutated(mutant):
        assert storm().overlaps > 0
