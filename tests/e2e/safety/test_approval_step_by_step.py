"""Level 3 from page to target: by way of RabbitMQ and worker processes no change begins before it was let in."""

from pathlib import Path

from django.test import Client

from executions import dispatch
from executions.models import Execution, Step, StepGate
from executions.plans.approved import gate_hash
from tests.fleet import Fleet
from tests.world import World, script, states_of, status_of, until


def test_each_change_waits_on_its_target_until_the_page_lets_it_in(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    world.here()
    one, two = tmp_path / "one", tmp_path / "two"
    steps = (script(f"touch {one}", id_="one"), script(f"touch {two}", id_="two"))
    submitted = world.submit(*steps, targets=["here"], approval_level=3)
    tom = Client()
    tom.force_login(world.tom)
    place = f"/executions/{submitted.execution_id}/"
    tom.post(f"{place}approve/", {"approval_hash": submitted.approval_hash})
    dispatch.flush()
    for key, mark in (("one", one), ("two", two)):
        until(StepGate.objects.filter(step__key=key, status="requested").exists)
        assert not mark.exists()
        execution = Execution.objects.get(pk=submitted.execution_id)
        step = Step.objects.get(execution=execution, key=key)
        shown = gate_hash(execution.approval_hash, key, step.spec)
        assert shown in tom.get(place).content.decode()
        tom.post(f"{place}steps/{key}/approve/", {"approval_hash": shown})
        dispatch.flush()
        until(mark.exists)
    until(lambda: status_of(submitted.execution_id) == "succeeded")


def test_a_gate_that_was_opened_by_hand_lets_nothing_reach_the_target(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    world.here()
    mark = tmp_path / "mark"
    submitted = world.submit(script(f"touch {mark}"), targets=["here"], approval_level=3)
    tom = Client()
    tom.force_login(world.tom)
    tom.post(f"/executions/{submitted.execution_id}/approve/", {"approval_hash": submitted.approval_hash})
    dispatch.flush()
    until(StepGate.objects.filter(status="requested").exists)
    StepGate.objects.update(status="approved", decided_by=world.olga, gate_hash="0" * 64)
    # Whoever looks first: the sweeper, which asks for it again, or a worker, which ends the run.
    asked = StepGate.objects.filter(status="requested")
    until(lambda: asked.exists() or status_of(submitted.execution_id) == "failed")
    assert states_of(submitted.execution_id)["work"] in ("ready", "failed")
    assert not mark.exists()
