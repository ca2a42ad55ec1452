"""The plan language: from submitted bytes to a frozen plan that can be approved and run."""

from executions.plans.canonical import canonical_bytes, plan_hash
from executions.plans.errors import PlanInvalid, PlanProblem
from executions.plans.freeze import FrozenPlan, FrozenStep, freeze
from executions.plans.holds import ResourceItem
from executions.plans.parse import Plan, parse_plan
from executions.plans.schema import plan_json_schema
from executions.plans.selectors import InventoryItem, asset_id

__all__ = [
    "FrozenPlan",
    "FrozenStep",
    "InventoryItem",
    "Plan",
    "PlanInvalid",
    "PlanProblem",
    "ResourceItem",
    "asset_id",
    "canonical_bytes",
    "freeze",
    "parse_plan",
    "plan_hash",
    "plan_json_schema",
]
