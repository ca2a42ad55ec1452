"""The hash that an approval is bound to: the canonical plan, its resolved targets, and the risk of each step."""

from collections.abc import Iterable, Mapping
from typing import Any

from executions.plans.canonical import canonical_bytes, plan_hash

APPROVAL_FORMAT = 1  # part of the hash; raise it when what is hashed changes


def approval_hash(plan_digest: str, steps: Iterable[Mapping[str, Any]], *, is_part: bool = False) -> str:
    """The hash over a whole plan; each step has id, targets, action_class, effect, timeout, retries and spec.

    `is_part`: over a retry that runs only these targets of these steps, and leaves the others out.
    """
    approved = [{**step, "targets": sorted(str(target) for target in step["targets"])} for step in steps]
    whole: dict[str, Any] = {"format": APPROVAL_FORMAT, "plan": plan_digest, "steps": approved}
    return plan_hash(canonical_bytes(whole | ({"part": True} if is_part else {})))


def gate_hash(approval_hash: str, key: str, spec: Mapping[str, Any]) -> str:
    """What the approval of one step is bound to: that of the run, which covers the targets, and the step's own text."""
    return plan_hash(canonical_bytes({"approval": approval_hash, "step": key, "spec": dict(spec)}))
