"""The rollout on a real fleet: a shadow touches nothing, off lets nothing in and ends what is open, `golive` tells."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from executions.errors import RolloutOff
from executions.models import Execution
from tests.commands import ended, environment, start
from tests.e2e.people.held import begins, boss, held, says, signed_in
from tests.fleet import Fleet
from tests.world import World, runs_of


def roll(world: World, phase: str, **more: object) -> None:
    """Ada changes it on the page."""
    form = {"phase": phase, "percent": 10, "most_level": 1, "reason": "a new release"} | more
    answer = signed_in(ada_of(world)).post("/rollout/acme/", form)
    assert answer.status_code == 302, answer.content.decode()


def ada_of(world: World) -> User:
    return User.objects.filter(username="ada").first() or boss(world)


def test_a_shadow_goes_through_everything_and_touches_nothing(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    world.here()
    roll(world, "shadow")
    run = held(world, tmp_path)
    run.ends_as("succeeded")
    assert not run.has_begun
    assert not run.touched.exists()
    assert all("would have" in one.summary + one.detail for one in runs_of(run.execution_id))
    roll(world, "full")
    begins(real := held(world, tmp_path, "real")).let_go()
    real.ends_as("succeeded")
    assert list(Execution.objects.order_by("created_at").values_list("shadow", flat=True)) == [True, False]


def test_off_counts_at_once_and_ends_what_is_open(world: World, fleet: Fleet, tmp_path: Path) -> None:
    world.here()
    run = begins(held(world, tmp_path))
    roll(world, "off", cancel_open="on")
    with pytest.raises(RolloutOff):
        held(world, tmp_path, "late")
    run.ends_as("cancelled")
    assert not Path(f"/proc/{run.pid}/exe").exists()
    assert not run.touched.exists()


def test_golive_says_go_or_no_go_with_every_figure(world: World, fleet: Fleet, tmp_path: Path) -> None:
    world.here()
    ada_of(world)
    begins(run := held(world, tmp_path)).let_go()
    run.ends_as("succeeded")
    for phase, wanted in (("dark", "20"), ("canary", "50"), ("full", "100")):
        told = ended(
            start("golive", "--tenant", "acme", "--phase", phase, "--as", "ada", env=environment()), 60
        )
        assert told.code == 1, told.err
        assert f">= {wanted}" in told.out
        assert f"NO-GO for {phase}" in told.out
    says(signed_in(world.olga), "/rollout/", "NO-GO", "healthy workers")
