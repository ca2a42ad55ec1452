"""How long after a switch something still begins, and how long it takes until what runs has ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString
from uuid import UUID

from django.contrib.auth.models import User

from executions import switching
from executions.benchmark.figures import NothingMeasured
from executions.benchmark.submitting import plan
from executions.benchmark.surroundings import PROCESSES, THREADS, wait_until
from executions.models import Asset
from executions.submission import submit
from safety.models import Switch, SwitchMode, Tenant
from safety.sql import Row, fetch_one

RUNS = PROCESSES * THREADS
STEPS = 400
BEGIN_S, WATCHED_S, END_S = 60.0, 3.0, 60.0

# By the clock of the database. Before the switch is committed nobody can obey it, and that counts, too.
_SEEN: LiteralString = """
SELECT count(*) FILTER (WHERE r.status <> 'pending')::int AS begun,
       count(DISTINCT r.execution_id) FILTER (WHERE r.status <> 'pending')::int AS at_work,
       count(*) FILTER (WHERE r.status IN ('ready', 'pending'))::int AS left_over,
       coalesce(extract(epoch FROM max(r.started_at)), 0)::float AS last_begun
FROM opsc_step_run r WHERE r.execution_id = ANY(%(runs)s)
"""

_ENDED: LiteralString = """
SELECT count(*) FILTER (WHERE finished_at IS NULL)::int AS open,
       count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
       coalesce(extract(epoch FROM max(finished_at)), 0)::float AS last_ended
FROM opsc_execution WHERE id = ANY(%(runs)s)
"""

_RUNNING: LiteralString = """
SELECT count(*)::int AS running FROM opsc_step_run r JOIN opsc_effect f ON f.step_run_id = r.id
WHERE r.execution_id = ANY(%(runs)s) AND r.status = 'running' AND f.outcome = ''
"""


def seconds_to_hold(tenant: Tenant, user: User) -> float:
    """From `hold` to the last step that began, in runs of many short steps, one in every worker thread.

    Raises NothingMeasured: they did not all run, or had nothing left to begin.
    """
    runs = [submit(plan("hold", STEPS), user=user, tenant=tenant).execution_id for _ in range(RUNS)]
    wait_until(lambda: _row(_SEEN, runs)["at_work"] == RUNS, BEGIN_S, lambda: "not every run has begun")
    with _switched(tenant, user, SwitchMode.HOLD) as switch:
        time.sleep(WATCHED_S)
        seen = _row(_SEEN, runs)
    with _switched(tenant, user, SwitchMode.STOP):
        _all_end(runs)
    if not seen["left_over"]:
        raise NothingMeasured(f"nothing was left that could have begun: {seen}")
    return max(0.0, float(seen["last_begun"]) - switch.turned_at.timestamp())


def seconds_to_stop(tenant: Tenant, user: User) -> float:
    """From `stop` to the recorded end of the last run, a command of which every worker thread runs.

    Raises NothingMeasured: they did not all run, or not all were cancelled.
    """
    rows = Asset.objects.bulk_create(
        Asset(tenant=tenant, name=f"stop-{number}", connection="local") for number in range(RUNS)
    )
    step = {"id": "sleep", "kind": "command", "with": {"argv": ["sleep", "300"]}, "estimate": 60}
    common = {"version": 1, "mode": "background", "steps": [step]}
    runs = [
        submit(
            common | {"name": row.name, "targets": [row.name]}, user=user, tenant=tenant, confirmed=True
        ).execution_id
        for row in rows
    ]
    wait_until(lambda: _row(_RUNNING, runs)["running"] == RUNS, BEGIN_S, lambda: "not every command runs")
    with _switched(tenant, user, SwitchMode.STOP) as switch:
        ended = _all_end(runs)
    if ended["cancelled"] != RUNS:
        raise NothingMeasured(f"this became of {RUNS} runs: {ended}")
    return float(ended["last_ended"]) - switch.turned_at.timestamp()


@contextmanager
def _switched(tenant: Tenant, user: User, mode: SwitchMode) -> Iterator[Switch]:
    """Whatever comes of it, what is measured next finds nothing switched off."""
    scope = switching.Scope(tenant=tenant)
    switch = switching.turn(scope, mode=mode.value, user=user, reason="measured", lasts_s=600)
    try:
        yield switch
    finally:
        switching.lift(switch.pk, user=user, reason="measured")


def _all_end(runs: list[UUID]) -> Row:
    wait_until(lambda: _row(_ENDED, runs)["open"] == 0, END_S, lambda: f"of the runs: {_row(_ENDED, runs)}")
    return _row(_ENDED, runs)


def _row(statement: LiteralString, runs: list[UUID]) -> Row:
    return fetch_one(statement, {"runs": runs}) or {}
