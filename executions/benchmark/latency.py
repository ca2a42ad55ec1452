"""How long it takes from a submission to the start of its first step, at low load."""

import time
from typing import LiteralString

from django.contrib.auth.models import User

from executions.benchmark.figures import NothingMeasured
from executions.benchmark.messaging import LOW_LOAD_S
from executions.benchmark.submitting import plan
from executions.benchmark.surroundings import wait_until
from executions.submission import submit
from safety.models import Tenant
from safety.sql import fetch, fetch_one

END_S = 20.0

_STARTED: LiteralString = """
SELECT execution_id AS id, extract(epoch FROM started_at)::float AS started_at
FROM opsc_step_run WHERE execution_id = ANY(%(executions)s) AND finished_at IS NOT NULL
"""
_CLOCK: LiteralString = "SELECT extract(epoch FROM clock_timestamp())::float AS now"


def from_submission_to_start(tenant: Tenant, user: User, count: int) -> list[float]:
    """Seconds from just before `submit` to the step run's `started_at`, one submission after the other."""
    ahead = _database_clock_ahead_by()
    sent = {}
    for _ in range(count):
        before = time.time()
        sent[submit(plan("latency", 1), user=user, tenant=tenant).execution_id] = before
        time.sleep(LOW_LOAD_S)
    ids = {"executions": list(sent)}
    wait_until(lambda: len(fetch(_STARTED, ids)) == count, END_S, lambda: "not every step has ended")
    return [row["started_at"] - ahead - sent[row["id"]] for row in fetch(_STARTED, ids)]


def _database_clock_ahead_by() -> float:
    """Seconds by which the database's clock is ahead of ours, from the fastest of twenty questions."""
    tries = []
    for _ in range(20):
        before = time.time()
        row = fetch_one(_CLOCK)
        after = time.time()
        if row is None:
            raise NothingMeasured("the database does not tell the time")
        tries.append((after - before, row["now"] - (before + after) / 2))
    return float(min(tries)[1])
