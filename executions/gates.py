"""What the guards ask the domain: has this effect begun, and is this still what was approved?"""

from collections.abc import Mapping, Sequence
from typing import LiteralString
from uuid import UUID

from executions.inventory import inventory_for
from executions.lifecycle import ClaimedStep
from executions.plans import PlanInvalid, freeze, parse_plan, plan_hash
from executions.plans.canonical import canonical_bytes
from safety.cancellation import CancelReason, CancelToken
from safety.context import LeaseLost
from safety.sql import fetch, fetch_one

# The intent: committed before the effect, only by the holder, and not after a cancel was asked.
_BEGIN: LiteralString = """
UPDATE opsc_step_run r SET effect_at = coalesce(r.effect_at, statement_timestamp())
FROM opsc_execution e, opsc_step_run was
WHERE r.id = %(id)s AND r.status = 'running' AND r.lease_token = %(token)s AND was.id = r.id
  AND r.lease_expires_at > statement_timestamp() AND e.id = r.execution_id
RETURNING was.effect_at IS NOT NULL AS had_begun, e.cancel_requested_at IS NOT NULL AS cancelling,
          e.cancel_kind
"""

_APPROVED: LiteralString = """
SELECT e.approval_hash, e.approval_level, a.approval_hash AS approved_hash, a.status,
       encode(sha256(convert_to(e.plan, 'UTF8')), 'hex') AS plan_now, e.plan_hash
FROM opsc_execution e LEFT JOIN opsc_approval a ON a.execution_id = e.id WHERE e.id = %(execution)s
"""

_PLAN: LiteralString = "SELECT plan, tenant_id, retry_of_id FROM opsc_execution WHERE id = %(execution)s"

_TARGETS: LiteralString = """
SELECT s.key, array_agg(r.asset_id::text ORDER BY r.asset_id::text) AS targets
FROM opsc_step s JOIN opsc_step_run r ON r.step_id = s.id
WHERE s.execution_id = %(execution)s GROUP BY s.key
"""


class StepEffects:
    """The EffectLog of one claimed step run."""

    def __init__(self, step: ClaimedStep, cancel: CancelToken) -> None:
        self._step, self._cancel = step, cancel
        self.begun = False

    def begin(self) -> bool:
        """Commit the intent; false when this attempt's effect had begun before. Raises LeaseLost.

        A cancel that was committed before this moment is seen here, one that comes later reaches the holder
        by its heartbeat: nothing falls between.
        """
        row = fetch_one(_BEGIN, {"id": self._step.step_run_id, "token": self._step.token})
        if row is None:
            raise LeaseLost(f"step run {self._step.step_run_id}, token {self._step.token}")
        if row["cancelling"]:
            reason = CancelReason.TIMEOUT if row["cancel_kind"] == "timeout" else CancelReason.USER
            self._cancel.cancel(reason, "cancel was asked before the effect began")
        self.begun = True
        return not row["had_begun"]


class StepApproval:
    """The ApprovalGate of one claimed step run."""

    def __init__(self, step: ClaimedStep) -> None:
        self._step = step

    def objection(self) -> str:
        """Why the step may not run; empty when it may. Resolves the targets anew when the run begins."""
        step = self._step
        if step.approval_level == 0:
            return ""
        row = fetch_one(_APPROVED, {"execution": step.execution_id})
        if row is None or row["status"] != "approved":
            return "the execution is not approved"
        if row["approved_hash"] != row["approval_hash"]:
            return "the approval is for something else than what would run"
        if row["plan_now"] != row["plan_hash"]:
            return "the stored plan was changed after it was frozen"
        return _changed_since(step.execution_id, row["approval_hash"]) if step.first else ""


def _changed_since(execution_id: UUID, approved_hash: str) -> str:
    """Freeze the plan again with today's inventory and compare."""
    row = fetch_one(_PLAN, {"execution": execution_id})
    if row is None:
        return "the execution is gone"
    plan = parse_plan(row["plan"])
    try:
        frozen = freeze(plan, inventory_for(row["tenant_id"], plan.target_names()))
    except PlanInvalid as invalid:
        return f"the plan's targets changed after the approval: {invalid.problems[0].message}"
    stored = {run["key"]: run["targets"] for run in fetch(_TARGETS, {"execution": execution_id})}
    if approved_hash in (frozen.approval_hash, narrowed_hash(frozen.approval_hash, stored)):
        now = {step.id: sorted(str(target) for target in step.targets) for step in frozen.steps}
        if all(set(map(str, targets)) <= set(now.get(key, ())) for key, targets in stored.items()):
            return ""
    return "the plan's targets or their risk changed after the approval"


def narrowed_hash(full_hash: str, targets: Mapping[str, Sequence[str | None]]) -> str:
    """The approval hash of a retry that runs only some step runs of a plan: step key to asset ids."""
    chosen = {key: sorted(str(target) for target in some) for key, some in targets.items()}
    return plan_hash(canonical_bytes({"of": full_hash, "only": chosen}))
