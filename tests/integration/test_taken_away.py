"""What is, or may be, at work on an asset is not released unseen, and does not succeed when the asset was lost."""

from pathlib import Path
from uuid import UUID

import pytest

from executions import lifecycle, releasing
from executions.errors import Conflict
from safety import leases
from safety.choices import Role
from safety.context import Outcome, OutcomeStatus
from safety.models import Lease, Membership
from tests.losing import LONG_AGO, claim, effects_begun, lost_midway, work_until
from tests.world import World, runs_of, script

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")

LOST = Outcome(status=OutcomeStatus.INTERRUPTED, category="worker_lost", detail="worker w was lost")


def both_at_work(world: World) -> UUID:
    """An execution whose one worker is at work on x and on y."""
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    assets = [world.here(name).pk for name in "xy"]
    execution_id = world.submit(script("true", targets=["x", "y"])).execution_id
    leases.acquire(tenant_id=world.acme.pk, execution_id=execution_id, assets=assets, worker="w", ttl_s=3000)
    return execution_id


def test_a_reviewed_lease_is_not_released_while_its_process_waits_to_be_taken_up_again(world: World) -> None:
    execution_id = both_at_work(world)
    on_x, on_y = (claim(step_run_id=run.pk) for run in runs_of(execution_id))
    effects_begun(execution_id)
    lifecycle.interrupt(on_x, LOST, worker="w")
    lifecycle.hand_over(on_y, LOST, worker="scheduler", resume=True, crashed=True)
    with pytest.raises(Conflict, match="the step work was begun and waits for a worker"):
        releasing.release_lease(on_y.asset_id, user=world.tom, reason="I looked")
    assert Lease.objects.filter(lockable_id=on_y.asset_id).exists()
    releasing.release_lease(on_y.asset_id, user=world.tom, reason="I killed it", force=True)
    assert not Lease.objects.filter(lockable_id=on_y.asset_id).exists()


def test_a_process_whose_end_nobody_knows_is_decided_about_before_its_lease_is_released(world: World) -> None:
    execution_id = both_at_work(world)
    run = runs_of(execution_id)[0]
    lifecycle.interrupt(claim(step_run_id=run.pk), LOST, worker="w")
    with pytest.raises(Conflict, match="ended in the unknown, and nobody has decided about it"):
        releasing.release_lease(run.asset_id, user=world.tom, reason="I looked")
    assert Lease.objects.filter(lockable_id=run.asset_id).exists()


def begun_and_lost(world: World, tmp_path: Path) -> UUID:
    """A script whose worker is lost and that goes on by itself; it ends well when `go` is there."""
    world.here()
    text = f"touch {tmp_path}/begun; while ! test -e {tmp_path}/go; do sleep 0.05; done"
    return lost_midway(world, text, tmp_path / "begun").execution_id


def test_a_step_taken_up_again_does_not_succeed_when_its_asset_was_lost_in_between(
    world: World, tmp_path: Path
) -> None:
    execution_id = begun_and_lost(world, tmp_path)
    Lease.objects.all().delete()
    (tmp_path / "go").touch()
    work_until(execution_id, "needs_attention")
    run = runs_of(execution_id)[0]
    assert (run.status, run.category) == ("interrupted", "asset_taken")
    assert Lease.objects.get().under_review


def test_a_step_taken_up_again_succeeds_when_its_lease_ran_out_and_nobody_else_came(
    world: World, tmp_path: Path
) -> None:
    execution_id = begun_and_lost(world, tmp_path)
    Lease.objects.update(expires_at=LONG_AGO)
    (tmp_path / "go").touch()
    work_until(execution_id, "succeeded")
