"""Long work never takes every thread from fast work, however many worker processes there are."""

import pytest

from executions.fleet.lanes import Lane, of_process


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("threads", [1, 8])
def test_some_thread_never_serves_long_work(processes: int, threads: int) -> None:
    lanes = [lane for place in range(processes) for lane in of_process(place, processes, threads)]
    assert any("long" not in lane.queues and lane.threads == threads for lane in lanes)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_queue_is_served(processes: int) -> None:
    lanes = [lane for place in range(processes) for lane in of_process(place, processes, 1)]
    assert {queue for lane in lanes for queue in lane.queues} == {"fast", "medium", "long"}


def test_a_lane_survives_the_command_line() -> None:
    assert Lane.parse(str(Lane(("fast", "medium"), 8))) == Lane(("fast", "medium"), 8)


@pytest.mark.parametrize(
    "text", ["", "fast", "fast:", "fast:0", "fast:65", "fast:x", "slow:1", "fast,,long:1", ":1"]
)
def test_a_lane_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="queue"):
        Lane.parse(text)
