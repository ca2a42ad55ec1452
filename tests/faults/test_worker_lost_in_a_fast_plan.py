"""A worker is killed in the middle of a plan whose limit is shorter than the lease of its steps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executions.models import Execution
from safety.models import TimeoutPolicy
from tests.fleet import Fleet
from tests.services.rabbitmq import Vhost
from tests.world import World, output_of, runs_of, script, until

TTL_S = 10  # it takes longer than the whole plan may to see that a worker is lost
LIMITS = {"step_s": 7, "execution_s": 7, "lease_s": 60, "approval_s": 60, "attempts": 3}


@pytest.fixture
def slow_to_see(world: World, rabbitmq: Vhost, tmp_path: Path) -> Iterator[Fleet]:
    """Two workers whose leases last longer than Acme lets a fast plan take."""
    for action_class in ("read", "modify"):
        TimeoutPolicy.objects.create(tenant=world.acme, sla="fast", action_class=action_class, **LIMITS)
    processes = Fleet(rabbitmq.url, tmp_path)
    processes.env["OPSC_LEASE_TTL_S"] = str(TTL_S)
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()


def sleeps(seconds: int, begun: Path) -> dict[str, Any]:
    return script(f"echo x >>{begun}; sleep {seconds}; echo whole", action_class="modify")


def test_a_command_is_followed_to_its_end_by_the_next_worker_and_not_timed_out(
    world: World, slow_to_see: Fleet, tmp_path: Path
) -> None:
    world.here()
    begun = tmp_path / "begun"
    submitted = world.submit(sleeps(2, begun), targets=["here"])
    until(begun.exists)
    slow_to_see.kill(slow_to_see.worker_of(runs_of(submitted.execution_id)[0].worker))
    until(lambda: Execution.objects.get().is_terminal, timeout_s=90)
    execution, run = Execution.objects.get(), runs_of(submitted.execution_id)[0]
    assert (execution.status, run.attempt, begun.read_text()) == ("succeeded", 1, "x\n")
    assert output_of(run) == "whole\n"
    assert execution.lost_wait_s > 0.6 * TTL_S  # it was renewed up to a quarter of the lease before
    assert execution.spent_s < LIMITS["execution_s"]


def test_a_read_is_begun_again_and_not_timed_out(world: World, slow_to_see: Fleet) -> None:
    wait = {"id": "wait", "kind": "wait", "with": {"seconds": 3}, "estimate": 3}
    submitted = world.submit(wait)
    until(lambda: runs_of(submitted.execution_id)[0].status == "running")
    slow_to_see.kill(slow_to_see.worker_of(runs_of(submitted.execution_id)[0].worker))
    until(lambda: Execution.objects.get().is_terminal, timeout_s=90)
    execution, run = Execution.objects.get(), runs_of(submitted.execution_id)[0]
    assert (execution.status, run.attempt) == ("succeeded", 2)
    assert execution.lost_wait_s > 0.6 * TTL_S


def test_a_command_that_its_target_ended_meanwhile_is_honestly_timed_out(
    world: World, slow_to_see: Fleet, tmp_path: Path
) -> None:
    world.here()
    begun = tmp_path / "begun"
    submitted = world.submit(sleeps(600, begun), targets=["here"])
    until(begun.exists)
    slow_to_see.kill(slow_to_see.worker_of(runs_of(submitted.execution_id)[0].worker))
    until(lambda: Execution.objects.get().is_terminal, timeout_s=90)
    execution, run = Execution.objects.get(), runs_of(submitted.execution_id)[0]
    assert (execution.status, run.status, run.stop_confirmed) == ("timed_out", "timed_out", True)
    assert "ended by the deadline that the target keeps itself" in run.detail
    assert execution.lost_wait_s > 0.6 * TTL_S
