"""The lease protocol against a model of it: any order of events, the real table, and a mutant that is caught."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from safety import leases
from safety.leases import AssetBusy, Want
from safety.models import Lease, LeaseMode, LinePlace, Reservation, Resource, Tenant
from safety.sql import fetch
from tests.lease_mutants import MUTANTS, mutated
from tests.world import clear

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(400)]

EXECUTIONS = [UUID(int=number) for number in range(1, 5)]
ASSETS = [UUID(int=100 + number) for number in range(3)]
POOL, CAPACITY = UUID(int=200), 2
EXCLUSIVE, SHARED = LeaseMode.EXCLUSIVE, LeaseMode.SHARED

an_execution = st.sampled_from(EXECUTIONS)
an_asset = st.sampled_from(ASSETS)
some_wants = st.dictionaries(
    st.sampled_from([*ASSETS, POOL]), st.tuples(st.booleans(), st.integers(1, CAPACITY)), min_size=1
)


@dataclass
class Held:
    """What the model knows of one lease."""

    want: Want
    token: int | None
    expired: bool = False
    review: bool = False


@dataclass
class Model:
    """What ought to be true, kept without a database."""

    wants: dict[UUID, list[Want]] = field(default_factory=dict)
    actor: dict[UUID, int] = field(default_factory=dict)
    held: dict[tuple[UUID, UUID], Held] = field(default_factory=dict)  # (lockable, execution)
    line: list[UUID] = field(default_factory=list)
    reserved: dict[UUID, int] = field(default_factory=dict)

    def others(self, lockable: UUID, execution: UUID) -> list[Want]:
        return [one.want for (at, who), one in self.held.items() if at == lockable and who != execution]

    def holds_all(self, execution: UUID) -> bool:
        mine = (self.held.get((want.lockable_id, execution)) for want in self.wants[execution])
        return all(one is not None and not one.expired for one in mine)

    def waits_for_a_person(self, execution: UUID) -> bool:
        return any(
            self.reserved.get(want.lockable_id, self.actor[execution]) != self.actor[execution]
            or any(
                one.review
                for (at, who), one in self.held.items()
                if at == want.lockable_id and who != execution
            )
            for want in self.wants[execution]
        )

    def may_take(self, execution: UUID) -> bool:
        """All or nothing, nobody earlier in line, nothing reserved by others."""
        if self.holds_all(execution):
            return True
        place = self.line.index(execution) if execution in self.line else len(self.line)
        earlier = [one for one in self.line[:place] if not self.waits_for_a_person(one)]
        for want in self.wants[execution]:
            if conflicts(want, self.others(want.lockable_id, execution)):
                return False
            if (want.lockable_id, execution) in self.held:
                continue
            if self.reserved.get(want.lockable_id, self.actor[execution]) != self.actor[execution]:
                return False
            before = [
                other for one in earlier for other in self.wants[one] if other.lockable_id == want.lockable_id
            ]
            if before and conflicts(want, before + self.others(want.lockable_id, execution)):
                return False
        return True


def conflicts(want: Want, others: list[Want]) -> bool:
    """The rule in one place: alone, beside readers, or within the capacity."""
    if not others:
        return False
    if want.mode == EXCLUSIVE or any(other.mode == EXCLUSIVE for other in others):
        return True
    return want.lockable_id == POOL and want.quantity + sum(other.quantity for other in others) > CAPACITY


class LeaseProtocol(RuleBasedStateMachine):
    """Everything that executions, their workers, the reaper and people do to leases, in any order."""

    @initialize(
        wants=st.lists(some_wants, min_size=len(EXECUTIONS), max_size=len(EXECUTIONS)),
        actors=st.lists(st.booleans(), min_size=len(EXECUTIONS), max_size=len(EXECUTIONS)),
    )
    def begin(self, wants: list[dict[UUID, tuple[bool, int]]], actors: list[bool]) -> None:
        clear()
        self.tenant = Tenant.objects.create(slug="acme", name="Acme")
        Resource.objects.create(id=POOL, tenant=self.tenant, name="pool", capacity=CAPACITY)
        people = [User.objects.create_user(name) for name in ("olga", "tom")]
        self.people = {person.pk: person for person in people}
        self.model = Model()
        self.granted: dict[UUID, int] = {}
        for execution, wanted, second in zip(EXECUTIONS, wants, actors, strict=True):
            self.model.actor[execution] = people[second].pk
            self.model.wants[execution] = [
                Want(lockable, SHARED, quantity)
                if lockable == POOL
                else Want(lockable, EXCLUSIVE if alone else SHARED)
                for lockable, (alone, quantity) in sorted(wanted.items())
            ]

    @rule(execution=an_execution, waits=st.booleans())
    def acquire(self, execution: UUID, waits: bool) -> None:
        model, wants = self.model, self.model.wants[execution]
        own = wants[0].lockable_id
        expected = model.may_take(execution)
        try:
            token = leases.acquire(
                tenant_id=self.tenant.pk,
                execution_id=execution,
                wants=wants,
                worker="w",
                ttl_s=3600,
                actor_id=model.actor[execution],
                own=own,
                in_line=waits,
            )
        except AssetBusy:
            assert not expected
            if waits and execution not in model.line:
                model.line.append(execution)
            return
        assert expected
        self._granted(execution, own, token)

    def _granted(self, execution: UUID, own: UUID, token: int | None) -> None:
        model = self.model
        assert token is not None
        before = model.held.get((own, execution))
        if before is not None and not before.expired:
            assert before.token in (None, token), "a lease that stood keeps its token"
        else:
            assert token > self.granted.get(own, 0), "a new grant has a higher token"
        self.granted[own] = max(token, self.granted.get(own, 0))
        if not model.holds_all(execution):
            model.line = [one for one in model.line if one != execution]
            for want in model.wants[execution]:
                held = model.held.setdefault((want.lockable_id, execution), Held(want, None))
                held.token, held.expired = None if held.expired else held.token, False
        model.held[own, execution].token = token

    @rule(execution=an_execution)
    def renew(self, execution: UUID) -> None:
        fetch(leases.RENEW, {"executions": [execution], "ttl": 3600.0})
        for (_, who), held in self.model.held.items():
            held.expired = held.expired and who != execution

    @rule(execution=an_execution)
    def crash_and_expire(self, execution: UUID) -> None:
        Lease.objects.filter(execution_id=execution).update(expires_at=timezone.now() - timedelta(hours=1))
        for (_, who), held in self.model.held.items():
            held.expired = held.expired or who == execution

    @rule(execution=an_execution, reviewed=st.booleans())
    def end_or_reap(self, execution: UUID, reviewed: bool) -> None:
        leases.release(execution, reviewed=reviewed)
        model = self.model
        model.line = [one for one in model.line if one != execution]
        model.held = {
            key: held
            for key, held in model.held.items()
            if key[1] != execution or (held.review and not reviewed)
        }

    @rule(execution=an_execution)
    def lose_patience(self, execution: UUID) -> None:
        leases.leave_line(execution)
        self.model.line = [one for one in self.model.line if one != execution]

    @rule(execution=an_execution, asset=an_asset)
    def keep_for_a_person(self, execution: UUID, asset: UUID) -> None:
        leases.keep_for_review(execution, asset_id=asset, reason="unknown")
        if (asset, execution) in self.model.held:
            self.model.held[asset, execution].review = True

    @rule(execution=an_execution, asset=an_asset)
    def force_release(self, execution: UUID, asset: UUID) -> None:
        Lease.objects.filter(lockable_id=asset, execution_id=execution).delete()
        self.model.held.pop((asset, execution), None)

    @rule(asset=an_asset, second=st.booleans())
    def reserve(self, asset: UUID, second: bool) -> None:
        if asset in self.model.reserved:
            return
        person = list(self.people.values())[second]
        until = timezone.now() + timedelta(hours=1)
        values = {"tenant": self.tenant, "asset_id": asset, "person": person, "reason": "mine"}
        Reservation.objects.create(ends_at=until, **values)
        self.model.reserved[asset] = person.pk

    @rule(asset=an_asset)
    def reservation_runs_out(self, asset: UUID) -> None:
        Reservation.objects.filter(asset_id=asset, ended_at__isnull=True).update(
            ends_at=timezone.now() - timedelta(hours=1), ended_at=timezone.now()
        )
        self.model.reserved.pop(asset, None)

    @invariant()
    def tables_are_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        rows = Lease.objects.values_list("lockable_id", "execution_id", "mode", "quantity", "under_review")
        assert sorted(rows) == sorted(
            (at, who, held.want.mode, held.want.quantity, held.review)
            for (at, who), held in self.model.held.items()
        )
        line = list(LinePlace.objects.order_by("place").values_list("execution_id", flat=True))
        assert list(dict.fromkeys(line)) == self.model.line

    @invariant()
    def nobody_is_where_another_may_not_be(self) -> None:
        """Asked of the table itself, without the model of the protocol."""
        for lockable in (*ASSETS, POOL):
            rows = list(Lease.objects.filter(lockable_id=lockable))
            for row in rows:
                others = [Want(lockable, LeaseMode(o.mode), o.quantity) for o in rows if o.pk != row.pk]
                assert not conflicts(Want(lockable, LeaseMode(row.mode), row.quantity), others)


class Crowded(LeaseProtocol):
    """Everybody wants the same one asset, so that the rules meet in nearly every example."""

    @initialize(
        alone=st.lists(st.booleans(), min_size=len(EXECUTIONS), max_size=len(EXECUTIONS)),
        actors=st.lists(st.booleans(), min_size=len(EXECUTIONS), max_size=len(EXECUTIONS)),
    )
    def begin(self, alone: list[bool], actors: list[bool]) -> None:
        super().begin([{ASSETS[0]: (one, 1)} for one in alone], actors)


# A mutant is to be found, not to be explained.
_FIND_ONLY = (Phase.explicit, Phase.generate)
LIMITS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "stateful_step_count": 25,
    "print_blob": False,
}


def test_the_protocol_does_in_any_order_what_its_model_does() -> None:
    run_state_machine_as_test(LeaseProtocol, settings=settings(max_examples=12, **LIMITS))  # type: ignore[no-untyped-call]


@contextmanager
def _caught() -> Iterator[None]:
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        yield


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_protocol_is_found_out_by_the_model(mutant: str) -> None:
    with mutated(mutant), _caught():
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Crowded, settings=settings(max_examples=300, phases=_FIND_ONLY, derandomize=True, **LIMITS)
        )
