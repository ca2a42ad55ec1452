"""Worker processes come back when they die, end in order when they are told to, and never outlive their fleet."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from executions.models import Worker
from opsconductor.embedded.processes import command_line
from tests.fleet import Fleet
from tests.services.processes import Owned, free_port
from tests.services.rabbitmq import Vhost
from tests.world import World, until


@pytest.fixture
def programs(world: World, rabbitmq: Vhost, tmp_path: Path) -> Iterator[Fleet]:
    """Runs management commands as processes, none of them yet."""
    programs = Fleet(rabbitmq.url, tmp_path)
    yield programs
    programs.stop()


@pytest.fixture
def start_fleet(programs: Fleet) -> Iterator[Callable[[int], Owned]]:
    """Starts a fleet of so many workers, waits for them, and leaves none behind."""
    started: list[Owned] = []

    def start(workers: int) -> Owned:
        started.append(programs.add("fleet", f"--workers={workers}", "--threads=2", "--json"))
        programs.wait_for_workers(workers)
        return started[-1]

    yield start
    for fleet in started:
        fleet.end(signal.SIGTERM)
        until(lambda fleet=fleet: not any(alive(pid) for pid in pids_of(fleet)))


def changes(fleet: Owned) -> list[dict[str, Any]]:
    """What `--json` has printed; the log's own lines are left out."""
    lines = [json.loads(line) for line in fleet.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if "event" in line]


def pids_of(fleet: Owned) -> list[int]:
    return [change["pid"] for change in changes(fleet) if change["event"] == "started"]


def alive(pid: int) -> bool:
    return "worker" in command_line(pid)


def catches(number: int, pid: int) -> bool:
    """Whether the process waits for the signal itself: until then the signal simply ends it."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = [line.split()[1] for line in status.splitlines() if line.startswith(("SigCgt:", "SigBlk:"))]
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def test_a_worker_that_dies_is_replaced(start_fleet: Callable[[int], Owned], programs: Fleet) -> None:
    fleet = start_fleet(2)
    first, second = pids_of(fleet)
    os.kill(first, signal.SIGKILL)
    until(lambda: len(pids_of(fleet)) == 3)
    programs.wait_for_workers(3)  # the killed one is counted until the scheduler finds it lost

    assert alive(second), "one that dies must not take its siblings along"
    told = [(change["event"], change["place"]) for change in changes(fleet)]
    assert told == [("started", 0), ("started", 1), ("ended", 0), ("started", 0)]
    assert changes(fleet)[2]["code"] == -signal.SIGKILL


def test_the_first_of_two_keeps_to_quick_work(start_fleet: Callable[[int], Owned]) -> None:
    fleet = start_fleet(2)
    served = {int(row.name.split(":")[1]): set(row.queues) for row in Worker.objects.all()}
    assert [served[pid] for pid in pids_of(fleet)] == [{"fast", "medium"}, {"fast", "medium", "long"}]


def test_told_to_end_an_idle_fleet_signs_off_and_exits_with_0(start_fleet: Callable[[int], Owned]) -> None:
    fleet = start_fleet(2)
    pids, began = pids_of(fleet), time.monotonic()
    fleet.process.send_signal(signal.SIGTERM)
    assert fleet.process.wait(20) == 0
    assert time.monotonic() - began < 6
    assert not any(alive(pid) for pid in pids)
    assert set(Worker.objects.values_list("state", flat=True)) == {"stopped"}
    assert [change["code"] for change in changes(fleet) if change["event"] == "ended"] == [0, 0]


def test_no_worker_outlives_a_supervisor_that_was_killed(start_fleet: Callable[[int], Owned]) -> None:
    fleet = start_fleet(2)
    pids = pids_of(fleet)
    os.kill(fleet.pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids), timeout_s=15)
    assert set(Worker.objects.values_list("state", flat=True)) == {"stopped"}


def test_a_worker_without_its_database_says_so_and_ends(programs: Fleet) -> None:
    programs.env["DATABASE_URL"] = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"
    worker = programs.add_worker()
    assert worker.process.wait(20) == 3
    assert "the database does not answer" in worker.log.read_text()


def test_a_worker_does_not_begin_on_tables_of_another_version(programs: Fleet) -> None:
    programs.env["DATABASE_URL"] = programs.env["DATABASE_URL"].rsplit("/", 1)[0] + "/postgres"  # has none
    worker = programs.add_worker()
    assert worker.process.wait(20) == 3
    assert "the database is older than this version" in worker.log.read_text()


def test_a_fleet_without_a_broker_is_refused(programs: Fleet) -> None:
    programs.env["RABBITMQ_URL"] = ""
    fleet = programs.add("fleet")
    assert fleet.process.wait(20) == 3
    assert "RABBITMQ_URL is not set" in fleet.log.read_text()


def test_a_scheduler_stops_soon_also_without_its_database(programs: Fleet) -> None:
    with_database = programs.add("scheduler")
    until(lambda: catches(signal.SIGTERM, with_database.pid))
    programs.env["DATABASE_URL"] = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"
    without = programs.add("scheduler")
    until(lambda: "the database does not answer" in without.log.read_text())
    for scheduler in (with_database, without):
        assert scheduler.is_alive
        began = time.monotonic()
        scheduler.process.send_signal(signal.SIGTERM)
        assert scheduler.process.wait(10) == 0
        assert time.monotonic() - began < 5  # 0.8 s and the end of the process, on a machine that is busy


def test_the_scheduler_tells_what_it_did_and_stops_in_order(world: World, programs: Fleet) -> None:
    world.submit({"id": "wait", "kind": "wait", "with": {"seconds": 0.001}, "estimate": 1})
    scheduler = programs.add("scheduler", "--json")
    until(
        lambda: '"woken_again": 1' in scheduler.log.read_text()
    )  # nobody took it: its wake-up is sent again
    os.kill(scheduler.pid, signal.SIGTERM)
    assert scheduler.process.wait(timeout=10) == 0
