"""The event of a refused step, written in the transaction in which the refusal becomes a fact."""

from typing import Protocol
from uuid import UUID

from executions.lifecycle.moves import By, record
from executions.states import ActorKind
from safety.context import Violation


class Refused(Protocol):
    """What identifies the step run that was refused."""

    @property
    def step_run_id(self) -> UUID: ...
    @property
    def execution_id(self) -> UUID: ...
    @property
    def tenant_id(self) -> int: ...
    @property
    def trace_id(self) -> str: ...


def record_violation(step: Refused, violation: Violation | None, *, worker: str) -> None:
    """Write `rbac.violation` when RBAC refused the step; nothing otherwise."""
    if violation is None:
        return
    record(
        "rbac.violation",
        tenant_id=step.tenant_id,
        execution_id=step.execution_id,
        step_run_id=step.step_run_id,
        by=By(ActorKind.WORKER, worker),
        trace_id=step.trace_id,
        data={
            "person": violation.person or str(violation.actor_id),
            "question": violation.question,
            "reason": violation.reason,
            "environment": violation.environment,
            "asset": str(violation.asset_id or ""),
        },
    )
