"""Immediate mode: the same path from claim to finish, in the caller's process and without a broker."""

import time
from typing import LiteralString
from uuid import UUID

from django.conf import settings

from executions import engine, lifecycle
from executions.holdings import HOLDINGS, process_name
from executions.immediate_slots import slot
from executions.retries import make_due_ready
from executions.states import ExecutionStatus
from safety.sql import fetch_one

POLL_S = 0.2

_STATE: LiteralString = """
SELECT e.status, e.finished_at IS NOT NULL AS over,
       EXISTS (SELECT FROM opsc_step_run r WHERE r.execution_id = e.id AND r.queue = 'immediate'
               AND r.status IN ('ready', 'running', 'retrying')) AS ours
FROM opsc_execution e WHERE e.id = %(execution)s
"""


def run(execution_id: UUID) -> str:
    """Run an immediate execution to its end, or to the point where only others can go on.

    Returns: the status then: terminal, needs_attention, pending_approval, or queued or running when its step
    runs were handed to the workers or this process drains.
    """
    HOLDINGS.start(process_name(), ("immediate",), 1)
    with slot():
        while True:
            claimed_at = time.monotonic()
            step = (
                None
                if HOLDINGS.draining
                else lifecycle.claim_of(
                    execution_id, worker=HOLDINGS.worker, ttl_s=settings.OPSC["LEASE_TTL_S"]
                )
            )
            if step is not None:
                engine.follow(step, claimed_at)
                continue
            state = fetch_one(_STATE, {"execution": execution_id})
            if state is None or state["over"] or not state["ours"] or HOLDINGS.draining:
                return str(state["status"]) if state else "gone"
            if state["status"] == ExecutionStatus.NEEDS_ATTENTION:
                return str(state["status"])
            if not make_due_ready(execution_id):
                time.sleep(POLL_S)
