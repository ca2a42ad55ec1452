"""What was approved, as this process has verified it once: every step that it begins is compared with that."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from executions.lifecycle import ClaimedStep
from executions.new_execution import step_rows
from executions.plans import PlanInvalid, parse_plan
from executions.plans.freeze import gated_positions
from executions.plans.narrow import is_bound, on_record
from safety.sql import Row, fetch, fetch_one

MOST_RUNS = 200_000  # step runs remembered, of all executions together

CHANGED = "what is stored is not what was approved: the plan, a step or a target was changed"

# Read as they are when the step is claimed; `row` has the others.
_OF_CLAIM = {
    "key": "key",
    "step_name": "name",
    "kind": "kind",
    "spec": "spec",
    "action_class": "action_class",
    "effect": "effect",
    "survives_worker": "survives_worker",
    "on_failure": "on_failure",
    "timeout_s": "timeout_s",
    "retries": "retries",
    "max_parallel": "max_parallel",
    "successors": "successors",
    "gated": "gated",
}
_OF_ROW = ("position", "predecessors")

_PLAN: LiteralString = "SELECT plan FROM opsc_execution WHERE id = %(execution)s"
_RUNS: LiteralString = """
SELECT r.id, r.step_id, r.asset_id, s.key FROM opsc_step_run r
JOIN opsc_step s ON s.id = r.step_id AND s.execution_id = r.execution_id
WHERE r.execution_id = %(execution)s ORDER BY s.position, r.id
"""


@dataclass(frozen=True)
class ApprovedRun:
    """The steps and step runs of one execution that its approval hash stands for.

    steps: id of the step to its row as it was frozen. runs: id of the step run to its step and target. targets: by the
    step's key. is_part: it is a retry that leaves something out.
    """

    steps: Mapping[int, Mapping[str, Any]]
    runs: Mapping[UUID, tuple[int, UUID | None]]
    targets: Mapping[str, list[UUID | None]]
    is_part: bool

    def objection(self, step: ClaimedStep, row: Row) -> str:
        """What of the claimed step is not as it was approved; empty when all is. `row`: of `gates`."""
        if self.runs.get(step.step_run_id) != (step.step_id, step.asset_id):
            return "the step or the target of this step run is not the one that was approved"
        frozen = self.steps[step.step_id]
        changed = [name for mine, name in _OF_CLAIM.items() if getattr(step, mine) != frozen[name]]
        changed += [name for name in _OF_ROW if row[name] != frozen[name]]
        if changed:
            return f"the stored step is not the one that was approved: its {', '.join(changed)} was changed"
        return ""


_known: OrderedDict[tuple[UUID, str, int], ApprovedRun] = OrderedDict()
_guard = threading.Lock()


def approved_run(execution_id: UUID, approval_hash: str, level: int) -> ApprovedRun | None:
    """What the hash stands for, when that is what is stored, else None. Read once by a process, then remembered."""
    key = (execution_id, approval_hash, level)
    with _guard:
        found = _known.pop(key, None) or _read(execution_id, approval_hash, level)
        if found is not None:
            _known[key] = found
            while len(_known) > 1 and sum(len(one.runs) for one in _known.values()) > MOST_RUNS:
                _known.popitem(last=False)
        return found


def forget() -> None:
    """Read anew what comes next, as another process would."""
    with _guard:
        _known.clear()


def _read(execution_id: UUID, approval_hash: str, level: int) -> ApprovedRun | None:
    execution = fetch_one(_PLAN, {"execution": execution_id})
    if execution is None:
        return None
    runs = fetch(_RUNS, {"execution": execution_id})
    ids, targets = {row["key"]: row["step_id"] for row in runs}, _targets(runs)
    try:
        plan = parse_plan(execution["plan"], allow_likely_secrets=True)
    except PlanInvalid:
        return None
    steps = on_record(plan, targets)
    bound, is_part = is_bound(plan, steps, approval_hash)
    if not bound or {step.id for step in steps} != set(ids):
        return None
    rows = {ids[row["key"]]: row for row in step_rows(steps, gated_positions(level, steps))}
    places = {row["id"]: (row["step_id"], row["asset_id"]) for row in runs}
    return ApprovedRun(rows, places, targets, is_part)


def _targets(runs: list[Row]) -> dict[str, list[UUID | None]]:
    found: dict[str, list[UUID | None]] = {}
    for row in runs:
        found.setdefault(row["key"], []).append(row["asset_id"])
    return found
