"""Whatever the broker loses, every execution ends, and none runs twice."""

from pathlib import Path

from executions.models import Execution, StepRun
from tests.fleet import Fleet
from tests.world import World, until, wait_step

COUNT = 200


def test_two_hundred_executions_survive_a_stopped_broker_and_a_purged_queue(
    world: World, own_rabbitmq, tmp_path: Path
) -> None:
    broker = own_rabbitmq()
    journal = tmp_path / "journal"
    journal.touch()
    world.here()
    fleet = Fleet(broker.url, tmp_path)
    try:
        fleet.start()
        step = {
            "id": "note",
            "kind": "script",
            "with": {"script": f"echo $OPSC_STEP >> {journal}"},
            "estimate": 1,
            "action_class": "read",
        }
        for number in range(COUNT):
            world.submit(step, wait_step("then"), targets=["here"])
            if number == COUNT // 4:
                broker.stop()
            if number == COUNT // 2:
                broker.start()
                broker.purge("fast")
        until(lambda: not Execution.objects.exclude(status="succeeded").exists(), timeout_s=90)
        assert all(worker.is_alive for worker in fleet.workers)
    finally:
        fleet.stop()
    assert Execution.objects.count() == COUNT
    assert set(StepRun.objects.values_list("attempt", flat=True)) == {1}
    effects = journal.read_text().split()
    assert len(effects) == len(set(effects)) == COUNT
