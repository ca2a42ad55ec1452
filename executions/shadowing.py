"""What a step of a shadow run does instead of touching its target: it says what it would have done, and compares."""

from typing import LiteralString

from executions import lifecycle
from executions.lifecycle import By, ClaimedStep
from executions.states import ActorKind
from safety.context import Outcome, OutcomeStatus
from safety.sql import fetch_one

# The last time that a step of this name was run for real on the same target by a plan of the same name.
_LAST: LiteralString = """
SELECT r.execution_id, s.kind = now_.kind AND s.spec = now_.spec AS same
FROM opsc_step now_ JOIN opsc_execution mine ON mine.id = now_.execution_id
JOIN opsc_execution e ON e.tenant_id = mine.tenant_id AND e.name = mine.name AND NOT e.shadow AND e.id <> mine.id
JOIN opsc_step s ON s.execution_id = e.id AND s.key = now_.key
JOIN opsc_step_run r ON r.step_id = s.id AND r.asset_id IS NOT DISTINCT FROM %(asset)s::uuid
WHERE now_.id = %(step)s AND e.created_at > statement_timestamp() - interval '90 days' AND r.started_at IS NOT NULL
ORDER BY r.started_at DESC LIMIT 1
"""


def instead(step: ClaimedStep, worker: str) -> Outcome:
    """Succeeds without having touched anything, with the comparison on record."""
    where = f" on {step.asset_name} ({step.connection})" if step.asset_id else ""
    would = f"would have run the {step.kind} step {step.key!r}{where}"
    compared = _compared(step)
    lifecycle.record(
        "step.shadowed",
        tenant_id=step.tenant_id,
        execution_id=step.execution_id,
        step_run_id=step.step_run_id,
        by=By(ActorKind.WORKER, worker),
        trace_id=step.trace_id,
        data={"would": would, "compared": compared, "attempt": step.attempt},
    )
    return Outcome(
        status=OutcomeStatus.SUCCEEDED, detail=f"shadow: {would}, and did not; {compared}", summary=""
    )


def _compared(step: ClaimedStep) -> str:
    last = fetch_one(_LAST, {"step": step.step_id, "asset": step.asset_id})
    if last is None:
        return "such a step was not run here for real before"
    run = str(last["execution_id"])[:8]
    return f"as it was run for real in {run}" if last["same"] else f"other than it was run for real in {run}"
