"""Whether the plan, frozen anew with today's inventory and policy, is still what was approved."""

from typing import LiteralString
from uuid import UUID

from executions.approved_run import ApprovedRun
from executions.inventory import frozen_for
from executions.plans import FrozenPlan, PlanInvalid, parse_plan
from executions.plans.narrow import part_of
from safety.sql import Row, fetch_one

_PLAN: LiteralString = """
SELECT e.plan, e.tenant_id, e.approval_level, e.approval_hash, a.quorum, a.groups,
       a.status = 'break_glass' AS glass_is_broken
FROM opsc_execution e JOIN opsc_approval a ON a.execution_id = e.id WHERE e.id = %(execution)s
"""


def _more_people(frozen: FrozenPlan, row: Row) -> str:
    """Whom the policy asks for by now beyond those who were asked; empty when nobody."""
    groups = sorted(set(frozen.approval_groups) - set(row["groups"]))
    if frozen.approval_quorum > row["quorum"]:
        return f"{frozen.approval_quorum} people"
    return f"people of the group {', '.join(groups)}" if groups else ""


def changed_since(execution_id: UUID, copy: ApprovedRun) -> str:
    """Freeze the plan again with today's inventory and compare. Returns: what changed; empty when nothing did."""
    row = fetch_one(_PLAN, {"execution": execution_id})
    if row is None:
        return "the execution is gone"
    plan = parse_plan(row["plan"], allow_likely_secrets=True)
    try:
        frozen = frozen_for(row["tenant_id"], plan)
    except PlanInvalid as invalid:
        return f"the plan's targets changed after the approval: {invalid.problems[0].message}"
    if frozen.approval_level > row["approval_level"]:
        return f"the approval policy ({frozen.approval_policy}) asks for level {frozen.approval_level} by now"
    if not row["glass_is_broken"] and (more := _more_people(frozen, row)):
        return f"the approval policy asks for {more} by now"
    now = {step.id: set(step.targets) for step in frozen.steps}
    are_there = all(set(targets) <= now.get(key, set()) for key, targets in copy.targets.items())
    as_now = part_of(frozen, copy.targets) if copy.is_part else frozen
    if are_there and as_now.approval_hash == row["approval_hash"]:
        return ""
    return "the plan's targets or their risk changed after the approval"
