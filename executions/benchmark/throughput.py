"""Executions from submission to recorded end, through RabbitMQ and two worker processes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from executions.benchmark import psycopg_cycle
from executions.benchmark.figures import NothingMeasured
from executions.benchmark.surroundings import PROCESSES, THREADS, Processes, wait_until
from safety.sql import fetch, fetch_one

DRAIN_S = 60.0

_STATE: LiteralString = """
SELECT count(*)::int AS executions, count(*) FILTER (WHERE finished_at IS NULL)::int AS open,
       count(*) FILTER (WHERE status = 'succeeded')::int AS succeeded,
       coalesce(sum(succeeded_runs), 0)::int AS steps,
       coalesce(extract(epoch FROM max(created_at)), 0)::float AS last_created,
       coalesce(extract(epoch FROM max(finished_at)), 0)::float AS last_finished
FROM opsc_execution WHERE name LIKE %(name)s || ' %%'
"""


@dataclass(frozen=True)
class Throughput:
    """What came out of one measurement: per second, and on how much that rests."""

    executions: float
    steps: float
    count: int
    seconds: float


def psycopg_cycles(processes: Processes, url: str, seconds: float) -> float:
    """Cycles per second of the plain psycopg baseline."""
    for statement in psycopg_cycle.TABLES.split(";\n"):
        fetch(statement)
    running = [
        processes.module("psycopg_cycle", url=url, seconds=seconds, threads=THREADS) for _ in range(PROCESSES)
    ]
    processes.start_together(running)
    done = sum(processes.result_of(process, seconds + 30)["cycles"] for process in running)
    if not done:
        raise NothingMeasured("the psycopg baseline completed no cycle")
    return float(done / seconds)


def executions(processes: Processes, name: str, *, steps: int, seconds: float) -> Throughput:
    """Submit plans for so many seconds and wait until the last one has ended.

    Raises:
      NothingMeasured: Not every execution succeeded.
    """
    start_at, submitted = _submit(processes, name, steps=steps, seconds=seconds)
    wait_until(lambda: _state(name)["open"] == 0, DRAIN_S, lambda: f"{_state(name)}")
    state = _state(name)
    if not submitted or state["succeeded"] != submitted or state["steps"] != submitted * steps:
        raise NothingMeasured(
            f"{submitted} plans of {steps} steps were submitted, and this became of them: {state}"
        )
    took = state["last_finished"] - start_at
    return Throughput(
        executions=submitted / took,
        steps=state["steps"] / took,
        count=submitted,
        seconds=took,
    )


def submissions(processes: Processes, name: str, *, seconds: float) -> float:
    """Plans of one step stored per second. Raises NothingMeasured."""
    start_at, submitted = _submit(processes, name, steps=1, seconds=seconds)
    state = _state(name)
    if not submitted or state["executions"] != submitted:
        raise NothingMeasured(f"{submitted} plans were submitted, and this became of them: {state}")
    return float(submitted / (state["last_created"] - start_at))


def _submit(processes: Processes, name: str, *, steps: int, seconds: float) -> tuple[float, int]:
    """When the submitting began (time.time()), and how many were submitted."""
    submitters = [
        processes.module("submitting", name=name, steps=steps, seconds=seconds, threads=THREADS)
        for _ in range(PROCESSES)
    ]
    start_at = processes.start_together(submitters)
    return start_at, sum(processes.result_of(one, seconds + 60)["submitted"] for one in submitters)


def resident_mib(pid: int) -> float:
    """Resident memory of a process, MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _state(name: str) -> dict[str, int | float]:
    row = fetch_one(_STATE, {"name": name})
    if row is None:
        raise NothingMeasured("the database gave no answer")
    return row
