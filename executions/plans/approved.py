"""The hash that an approval is bound to: the canonical plan, its resolved targets, and the risk of each step."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from executions.plans.canonical import canonical_bytes, plan_hash

APPROVAL_FORMAT = 1  # part of the hash; raise it when what is hashed changes


def approval_hash(plan_digest: str, steps: Iterable[Mapping[str, Any]]) -> str:
    """The hash over a whole plan; each step has id, targets, action_class, effect, timeout, retries and spec."""
    decided = [{**step, "targets": sorted(str(target) for target in step["targets"])} for step in steps]
    return plan_hash(canonical_bytes({"format": APPROVAL_FORMAT, "plan": plan_digest, "steps": decided}))


def narrowed_hash(full_hash: str, targets: Mapping[str, Sequence[str | None]]) -> str:
    """The approval hash of a retry that runs only some step runs of a plan: step key to asset ids."""
    chosen = {key: sorted(str(target) for target in some) for key, some in targets.items()}
    return plan_hash(canonical_bytes({"of": full_hash, "only": chosen}))


def gate_hash(approval_hash: str, key: str, spec: Mapping[str, Any]) -> str:
    """What the approval of one step is bound to: that of the run, which covers the targets, and the step's own text."""
    return plan_hash(canonical_bytes({"approval": approval_hash, "step": key, "spec": dict(spec)}))
