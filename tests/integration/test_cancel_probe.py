"""A cancel while a probe asks whether a lost effect happened: it stays unknown, and a second cancel gives it up."""

from pathlib import Path

import pytest

from executions import control, sweeper
from executions.models import DeadLetter, StepRun
from safety.models import Lease
from tests.losing import lost, unsafe_step
from tests.stopping import while_working
from tests.world import World, status_of, until

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")


def test_the_effect_stays_unknown_and_a_second_cancel_gives_it_up(world: World, tmp_path: Path) -> None:
    world.here()
    asking = tmp_path / "pid"
    probe = {
        "kind": "script",
        "with": {"script": f"echo $$ >{asking}.new; mv {asking}.new {asking}; sleep 300"},
    }
    step = lost(world, unsafe_step(target="here", effect="checkable", verify=probe, timeout=60))
    sweeper.tick()
    assert StepRun.objects.get().verify_first

    def cancel() -> None:
        until(asking.exists)
        control.request_cancel(step.execution_id, user=world.olga, reason="enough")

    while_working(cancel, step.step_run_id)
    run = StepRun.objects.get()
    assert (run.status, run.category, status_of(step.execution_id)) == (
        "interrupted",
        "probe",
        "needs_attention",
    )
    assert run.detail == (
        "cancelled by olga: enough; the probe was stopped before it could tell, so the outcome is as unknown as before"
    )
    assert not Path(f"/proc/{asking.read_text().strip()}").exists()
    assert Lease.objects.get().under_review
    assert DeadLetter.objects.get().closed_at is None

    control.request_cancel(step.execution_id, user=world.olga, reason="nobody will look")
    run.refresh_from_db()
    assert (run.status, run.stop_confirmed, status_of(step.execution_id)) == ("cancelled", False, "cancelled")
    assert Lease.objects.get().under_review  # nobody has looked, so nobody else changes it
