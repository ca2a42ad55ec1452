"""An execution about to be stored, and what the statement that stores it is told."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from executions.connectors.registry import connector_for
from executions.plans import FrozenPlan
from executions.plans.freeze import FrozenStep
from executions.states import ExecutionStatus, Mode
from safety.timeouts import AppliedPolicy


@dataclass(frozen=True, kw_only=True)
class NewExecution:
    """An execution about to be stored.

    confirmed: its requester confirms it (level 1). again: although the same plan ran a short while ago.
    override: what its requester let through as no secret, for the history; None when there was nothing. shadow: it
    touches no target, by the tenant's rollout of this version. token_id: the API token with which it was submitted.
    """

    id: UUID
    frozen: FrozenPlan
    tenant_id: int
    user_id: int
    user_name: str
    policy: AppliedPolicy
    idempotency_key: str
    mode: Mode
    retry_of: UUID | None
    confirmed: bool
    again: bool = False
    override: Mapping[str, Any] | None = None
    shadow: bool = False
    token_id: int | None = None
    rollout_version: int | None

    @property
    def status(self) -> ExecutionStatus:
        """The state it begins in."""
        if self.frozen.approval_level and not self.confirmed:
            return ExecutionStatus.PENDING_APPROVAL
        return ExecutionStatus.APPROVED if self.mode is Mode.IMMEDIATE else ExecutionStatus.QUEUED


def execution_parameters(new: NewExecution, window_s: float) -> dict[str, Any]:
    """Of the execution and its approval. `window_s`: how long its key answers where the tenant does not say."""
    frozen = new.frozen
    return {
        "id": new.id,
        "tenant": new.tenant_id,
        "user": new.user_id,
        "user_name": new.user_name,
        "retry_of": new.retry_of,
        "name": frozen.name,
        "plan": frozen.canonical.decode(),
        "plan_hash": frozen.plan_hash,
        "approval_hash": frozen.approval_hash,
        "approval_level": frozen.approval_level,
        "key": new.idempotency_key,
        "window": window_s,
        "events": json.dumps(_events(new)),
        "status": new.status.value,
        "mode": new.mode.value,
        "sla": frozen.sla.value,
        "action_class": frozen.action_class.value,
        "environment": frozen.environment.value,
        "touches": [f"{environment}:{action}" for environment, action in frozen.touches],
        "priority": frozen.priority,
        **_holds(frozen),
        "estimate": frozen.estimate_s,
        "total": frozen.step_run_count,
        "shadow": new.shadow,
        "rollout_version": new.rollout_version,
        "trace": uuid4().hex,
        "token": new.token_id,
        **_limits(new),
        "queue": "immediate" if new.mode is Mode.IMMEDIATE else frozen.sla.value,
        "confirmed": new.confirmed,
        "override": None if new.override is None else json.dumps(new.override),
        "approval": "approved" if new.confirmed else "requested",
        "comment": "confirmed at submission" if new.confirmed else "",
    }


def _holds(frozen: FrozenPlan) -> dict[str, Any]:
    """What it has to hold before anything of it runs, and for how long it waits for that."""
    return {
        "fail_when_busy": frozen.on_busy == "fail",
        "max_wait": frozen.max_wait_s,
        "changes_assets": json.dumps([str(asset) for asset in frozen.changes_assets]),
        "shares_assets": json.dumps([str(asset) for asset in frozen.shares_assets]),
        "resources": json.dumps({str(key): quantity for key, quantity in frozen.resources}),
    }


def _limits(new: NewExecution) -> dict[str, Any]:
    """What the policies say about its times and its approval."""
    frozen, policy = new.frozen, new.policy
    return {
        "policy": policy.name,
        "step_s": policy.step_s,
        "execution_s": policy.execution_s + _waits_s(frozen),
        "lease_s": policy.lease_s,
        "attempts": policy.attempts,
        "approval_policy": frozen.approval_policy,
        "quorum": frozen.approval_quorum,
        "groups": list(frozen.approval_groups),
        "approval_s": min(policy.approval_s, frozen.approval_s or policy.approval_s),
    }


def _events(new: NewExecution) -> list[dict[str, Any]]:
    """The first events, in their order."""
    frozen = new.frozen
    created = {"plan_hash": frozen.plan_hash} | ({"again": True} if new.again else {})
    events: list[dict[str, Any]] = [
        {"type": "execution.created", "status": new.status.value, "data": created}
    ]
    if frozen.approval_level:
        told: dict[str, Any] = {"level": frozen.approval_level, "hash": frozen.approval_hash}
        told["policy"] = frozen.approval_policy
        type_ = "approval.approved" if new.confirmed else "approval.requested"
        events.append({"type": type_, "status": "", "data": told})
    if new.override is not None:
        events.append({"type": "secret.override", "status": "", "data": dict(new.override)})
    return events


def _waits_s(frozen: FrozenPlan) -> int:
    """Seconds that the plan itself asks to wait; they are no part of the policy's limit for work."""
    seconds = [float(step.spec["with"]["seconds"]) for step in frozen.steps if step.kind == "wait"]
    return math.ceil(sum(seconds))


def run_parameters(new: NewExecution) -> dict[str, Any]:
    """Of the steps and step runs."""
    frozen = new.frozen
    runs = [
        (uuid4(), step.position, target, number, max(step.retries + 1, new.policy.attempts))
        for step in frozen.steps
        for number, target in enumerate(step.targets)
    ]
    ids, positions, assets, numbers, attempts = (list(column) for column in zip(*runs, strict=True))
    return {
        "steps": json.dumps(step_rows(frozen.steps, frozen.gated_steps())),
        "run_ids": ids,
        "run_positions": positions,
        "run_assets": assets,
        "run_numbers": numbers,
        "run_attempts": attempts,
    }


def step_rows(steps: Sequence[FrozenStep], gated: Collection[int]) -> list[dict[str, Any]]:
    """What is stored of each step; `gated`: positions of those that have to be let in."""
    followers: dict[int, list[int]] = {step.position: [] for step in steps}
    for step in steps:
        for before in step.depends_on:
            followers[before].append(step.position)
    return [
        {
            "position": step.position,
            "key": step.id,
            "name": step.name,
            "kind": step.kind,
            "spec": step.spec,
            "action_class": step.action_class,
            "effect": step.effect,
            "survives_worker": connector_for(step.kind, "local").survives_worker,
            "on_failure": step.on_failure,
            "timeout_s": step.timeout_s,
            "retries": step.retries,
            "max_parallel": step.max_parallel,
            "estimate_s": step.estimate_s,
            "predecessors": list(step.depends_on),
            "successors": followers[step.position],
            "gated": step.position in gated,
            "waits_on": len(step.depends_on),
            "remaining": len(step.targets),
        }
        for step in steps
    ]
