"""Thirty secrets and more are used in one run, each in another position, and found nowhere afterwards."""

from pathlib import Path

import pytest

from tests.conftest import or_fail
from tests.leaks import walking
from tests.leaks.hunting import hunt
from tests.world import World, wait_step, work_off


@pytest.mark.timeout(900)
def test_a_secret_that_was_used_and_printed_is_found_nowhere(world: World, tmp_path: Path) -> None:
    with or_fail():
        report = hunt(tmp_path / "hunt", world)
    print("\n".join(report.lines()))
    assert len(report.canaries.all) >= 30
    assert report.canaries.unproven == []  # a secret that was never used proves nothing
    assert report.blind == []  # nor does a search that does not see what was put there for it
    assert report.found.hits == []


@pytest.mark.usefixtures("working")
def test_every_address_of_the_web_process_is_one_that_the_hunt_visits(world: World) -> None:
    world.here()
    world.submit(wait_step())
    work_off()
    assert len(walking.addresses()) > 60
