"""Switches from the page and the command to real workers: obeyed at submit, at the claim, between steps and at once."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions import dispatch
from executions.errors import SwitchedOff
from executions.models import StepRun
from safety.models import Switch
from tests import factories
from tests.commands import ended, environment, start
from tests.e2e.people.held import PATIENCE_S, approve, begins, boss, held, says, signed_in, stays, steps
from tests.fleet import Fleet
from tests.programs import a_plan, sent
from tests.world import World, states_of, status_of, until


def turn(world: World, mode: str, **more: Any) -> Any:
    """Ada does it on the page; the page to which she is sent."""
    form = {"tenant": world.acme.pk, "environment": "", "connector": "", "mode": mode, "hours": 1}
    return signed_in(boss(world)).post(
        "/switches/turn/", form | {"reason": "storage fails"} | more, follow=True
    )


def lift(world: World) -> None:
    switch = Switch.objects.get(lifted_at=None)
    ada = signed_in(User.objects.get(username="ada"))
    assert ada.post(f"/switches/{switch.pk}/lift/", {"reason": "it is back"}).status_code == 302
    dispatch.flush()


def test_hold_lets_a_step_end_and_the_next_one_wait(world: World, fleet: Fleet, tmp_path: Path) -> None:
    world.here()
    run = begins(held(world, tmp_path))
    assert turn(world, "hold").status_code == 200
    run.let_go()
    until(lambda: states_of(run.execution_id)["one"] == "succeeded", PATIENCE_S)
    stays(lambda: not run.touched.exists())
    assert states_of(run.execution_id)["two"] == "ready"
    says(signed_in(world.olga), f"/executions/{run.execution_id}/", "ada", "storage fails")
    lift(world)
    run.ends_as("succeeded")
    assert run.touched.exists()


def test_stop_ends_the_process_and_the_run(world: World, fleet: Fleet, tmp_path: Path) -> None:
    world.here()
    run = begins(held(world, tmp_path))
    turn(world, "stop")
    run.ends_as("cancelled")
    assert not Path(f"/proc/{run.pid}/exe").exists()
    assert StepRun.objects.get(execution=run.execution_id, step__key="one").stop_confirmed is True
    assert not run.touched.exists()


@pytest.mark.parametrize("mode", ["no_new_runs", "hold", "stop"])
def test_nothing_is_submitted_and_what_had_not_begun_does_not(
    world: World, fleet: Fleet, tmp_path: Path, mode: str
) -> None:
    world.here()
    run = held(world, tmp_path, approval_level=2)
    turn(world, mode)
    _, value = factories.a_token(world.olga)
    answer = sent(value, "executions?confirm=true", a_plan(targets=["here"], steps=steps(tmp_path / "late")))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "switch.off")
    with pytest.raises(SwitchedOff, match="storage fails"):
        held(world, tmp_path, "late")
    approve(world.tom, run)
    stays(lambda: not run.has_begun)
    assert status_of(run.execution_id) == "queued"
    lift(world)
    begins(run).let_go()
    run.ends_as("succeeded")


def test_it_ends_by_itself(world: World, fleet: Fleet, tmp_path: Path) -> None:
    world.here()
    boss(world)
    given = ("switch", "off", "--tenant", "acme", "--mode", "hold", "--hours", "0.0015", "--reason", "reboot")
    told = ended(start(*given, "--as", "ada", env=environment()), 60)
    assert told.code == 0, told.err
    assert "hold after the current step: Acme" in told.out
    until(lambda: not Switch.objects.filter(lifted_at=None).exists(), PATIENCE_S)
    run = begins(held(world, tmp_path))
    run.let_go()
    run.ends_as("succeeded")
