"""A step that prints very much takes no more memory than one that prints little, and its end is read and masked."""

import json
import subprocess
import sys

import pytest

from executions.benchmark.big_output import SHAPES
from tests.commands import environment
from tests.fleet import ROOT
from tests.world import World

MIB = 128


@pytest.mark.parametrize("shape", SHAPES)
def test_output_that_is_large_does_not_raise_the_memory_of_a_worker(world: World, shape: str) -> None:
    world.here()
    asked = {"mib": MIB, "shape": shape, "tenant": "acme", "person": "olga", "target": "here"}
    ran = subprocess.run(
        [sys.executable, "-m", "executions.benchmark.big_output", json.dumps(asked)],
        env=environment(RABBITMQ_URL=""),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert (seen["status"], seen["reason"]) == ("succeeded", ""), seen
    assert seen["peak_mib"] < 200, seen
    assert 10_000_000 < seen["stored"] < 10_500_000, seen
