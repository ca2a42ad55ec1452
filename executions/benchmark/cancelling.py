"""How long it takes from a cancel to the recorded end of many step runs, some of them running."""

from typing import LiteralString
from uuid import UUID

from django.contrib.auth.models import User

from executions import control
from executions.benchmark.figures import NothingMeasured
from executions.benchmark.surroundings import PROCESSES, THREADS, wait_until
from executions.models import Asset
from executions.submission import submit
from safety.models import Tenant
from safety.sql import fetch_one

STEP_RUNS = 1000
RUNNING = PROCESSES * THREADS
BEGIN_S, END_S = 60.0, 60.0

_RUNNING: LiteralString = """
SELECT count(*)::int AS running FROM opsc_step_run r JOIN opsc_effect f ON f.step_run_id = r.id
WHERE r.execution_id = %(execution)s AND r.status = 'running' AND f.outcome = ''
"""

_ENDED: LiteralString = """
SELECT status, extract(epoch FROM finished_at - cancel_requested_at)::float AS took_s,
       (SELECT count(*)::int FROM opsc_lease) AS held,
       (SELECT count(*)::int FROM opsc_event v WHERE v.execution_id = e.id AND v.type = 'step.cancelled') AS told
FROM opsc_execution e WHERE id = %(execution)s
"""


def seconds_to_cancel(tenant: Tenant, user: User) -> float:
    """Seconds by the database's clock, with every worker thread running a command on a target of its own.

    Raises:
      NothingMeasured: Not all of it was cancelled, told and freed.
    """
    Asset.objects.bulk_create(
        Asset(tenant=tenant, name=f"bench-{number}", connection="local", tags=["bench"])
        for number in range(STEP_RUNS)
    )
    step = {"id": "sleep", "kind": "command", "with": {"argv": ["sleep", "300"]}, "estimate": 60}
    plan = {
        "version": 1,
        "name": "cancel",
        "mode": "background",
        "targets": ["tag:bench"],
        "steps": [step],
    }
    execution_id = submit(plan, user=user, tenant=tenant, confirmed=True).execution_id
    wait_until(
        lambda: _running(execution_id) == RUNNING, BEGIN_S, lambda: "not every thread has begun a step"
    )
    control.request_cancel(execution_id, user=user, reason="measured")
    wait_until(lambda: _ended(execution_id)["took_s"] is not None, END_S, lambda: "the cancel has not ended")
    ended = _ended(execution_id)
    if (ended["status"], ended["held"], ended["told"]) != ("cancelled", 0, STEP_RUNS):
        raise NothingMeasured(f"this became of a cancel of {STEP_RUNS} step runs: {ended}")
    return float(str(ended["took_s"]))


def _running(execution_id: UUID) -> object:
    row = fetch_one(_RUNNING, {"execution": execution_id})
    return row and row["running"]


def _ended(execution_id: UUID) -> dict[str, object]:
    return fetch_one(_ENDED, {"execution": execution_id}) or {}
