"""Whoever has to say why says something that can be seen; no secret in it is stored, whatever the act."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from executions import (
    approvals,
    deputies,
    glass,
    lifecycle,
    releasing,
    reservations,
    resolution,
    rolling,
    stepwise,
    switching,
    withdrawing,
)
from executions.errors import Refused
from executions.fresh import BY_COMMAND
from executions.models import Execution
from executions.plans.errors import PlanInvalid
from executions.submission import submit
from safety.choices import Role
from safety.context import Outcome, OutcomeStatus
from tests import factories
from tests.approving import a_run, vote
from tests.integration.test_approvers import gated_run
from tests.integration.walk.snapshot import snapshot
from tests.losing import claim
from tests.world import World, runs_of, script

pytestmark = pytest.mark.usefixtures("working")

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = f"the key was {KEY}, sorry"
NOTHING = ["", "  \t", "\u200b\u2060", "\u3164", "\u2800\u00a0", "\u0301", "\x00\x07"]

Act = Callable[[str], object]


def _reject(world: World, folder: Path) -> Act:
    key = a_run(world).execution_id
    return lambda why: approvals.reject(key, user=world.tom, comment=why, signed_in=BY_COMMAND)


def _reject_a_step(world: World, folder: Path) -> Act:
    key = gated_run(world, folder, 1).pk
    return lambda why: stepwise.reject(key, "one", user=world.tom, comment=why, signed_in=BY_COMMAND)


def _break_glass(world: World, folder: Path) -> Act:
    done, amy = a_run(world), factories.a_person("amy", Role.TENANT_ADMIN, tenant=world.acme)
    return lambda why: glass.break_glass(
        done.execution_id, user=amy, approval_hash=done.approval_hash, reason=why, signed_in=BY_COMMAND
    )


def _review(world: World, folder: Path) -> Act:
    _break_glass(world, folder)("the shop is down, ticket 4711")
    return lambda why: glass.review(Execution.objects.get().pk, user=world.tom, said=why)


def _take_back(world: World, folder: Path) -> Act:
    done = a_run(world, quorum=2)
    vote(done, world.tom)
    return lambda why: withdrawing.take_back(done.execution_id, user=world.tom, reason=why)


def _delegate(world: World, folder: Path) -> Act:
    val = factories.a_person("val", Role.VIEWER, tenant=world.acme)
    return lambda why: deputies.delegate(
        world.acme, user=world.tom, deputy=val, ends_at=timedelta(days=1), reason=why, signed_in=BY_COMMAND
    )


def _turn(world: World, folder: Path) -> Act:
    ada = factories.a_person("ada", Role.TENANT_ADMIN, tenant=world.acme)
    return lambda why: switching.turn(
        switching.Scope(tenant=world.acme), mode="hold", user=ada, reason=why, lasts_s=60
    )


def _lift(world: World, folder: Path) -> Act:
    switch, ada = (
        factories.a_switch(world.acme),
        factories.a_person("ada", Role.TENANT_ADMIN, tenant=world.acme),
    )
    return lambda why: switching.lift(switch.pk, user=ada, reason=why)


def _roll(world: World, folder: Path) -> Act:
    ada = factories.a_person("ada", Role.TENANT_ADMIN, tenant=world.acme)
    return lambda why: rolling.change(world.acme, rolling.Wanted(phase="off"), user=ada, reason=why)


def _reserve(world: World, folder: Path) -> Act:
    asset = world.here()
    return lambda why: reservations.reserve(asset.pk, user=world.olga, reason=why, lasts_s=60)


def _release(world: World, folder: Path) -> Act:
    asset, ada = world.here(), factories.a_person("ada", Role.TENANT_ADMIN, tenant=world.acme)
    factories.a_lease(
        factories.an_execution(world.olga, tenant=world.acme, status="failed"), asset, under_review=True
    )
    return lambda why: releasing.release_lease(asset.pk, user=ada, reason=why)


def _resolve(world: World, folder: Path) -> Act:
    world.here()
    run = runs_of(world.submit(script("true", effect="unsafe"), targets=["here"]).execution_id)[0]
    lifecycle.interrupt(
        claim(step_run_id=run.pk), Outcome(status=OutcomeStatus.INTERRUPTED, detail="lost"), worker="w"
    )
    return lambda why: resolution.resolve(run.pk, user=world.olga, decision="abort", reason=why)


ACTS = [_reject, _reject_a_step, _break_glass, _review, _take_back, _delegate, _turn, _lift, _roll, _reserve]
ACTS += [_release, _resolve]


def _written() -> "Counter[str]":
    """Every row but those of workers, which write of their own accord."""
    return Counter({row: n for row, n in snapshot().items() if not row.startswith("opsc_worker ")})


@pytest.mark.parametrize("prepare", ACTS)
def test_a_reason_can_be_seen_and_holds_no_secret(
    world: World, prepare: Callable[[World, Path], Act], tmp_path: Path
) -> None:
    act = prepare(world, tmp_path)
    before = _written()
    for nothing in NOTHING:
        with pytest.raises(Refused):
            act(nothing)
    assert _written() == before
    act(SECRET)
    written = _written() - before
    assert any("the key was [masked" in row for row in written)
    assert not [row for row in written if KEY in row]


def test_what_lets_a_likely_secret_through_can_be_seen(world: World) -> None:
    world.here()
    plan = {"version": 1, "name": "x", "mode": "background", "targets": ["here"]}
    plan["steps"] = [script(f"echo {KEY}", action_class="read")]
    ada = factories.a_person("ada", Role.TENANT_ADMIN, tenant=world.acme)
    with pytest.raises(PlanInvalid):
        submit(plan, user=ada, tenant=world.acme, allow_likely_secret="\u200b")
    assert submit(plan, user=ada, tenant=world.acme, allow_likely_secret="an example from a book").created
