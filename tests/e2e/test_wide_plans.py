"""Two wide plans over the same machines on real workers: one after the other, at a cost that grows with their width."""

from collections import Counter

from executions import dispatch
from executions.models import Event, Execution
from tests.fleet import Fleet
from tests.world import World, script, until


def test_two_plans_of_sixty_machines_that_overlap_look_few_times_and_both_finish(
    world: World, fleet: Fleet
) -> None:
    names = [f"host-{number:02}" for number in range(60)]
    for name in names:
        world.here(name)
    world.submit(script("true"), targets=names)
    world.submit(script("true"), targets=names[1:])
    dispatch.flush()
    until(lambda: not Execution.objects.filter(finished_at=None).exists(), timeout_s=90)
    assert set(Execution.objects.values_list("status", flat=True)) == {"succeeded"}
    told = Counter(Event.objects.values_list("type", flat=True))
    assert told["step.succeeded"] == told["step.started"] == 60 + 59
    assert told["lock.waiting"] <= 59
