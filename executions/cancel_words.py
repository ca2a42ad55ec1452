"""Says by whom and why an execution was cancelled."""

from executions.models import Execution
from executions.states import ActorKind, ExecutionStatus
from safety.cancellation import CancelReason

_WHAT: dict[str, str] = {
    CancelReason.TIMEOUT: "Its time was over",
    CancelReason.DUPLICATE: "Cancelled as a duplicate",
}


def cancel_words(execution: Execution) -> str:
    """`Cancelled by olga: wrong cluster`; empty when nobody asked. Before its end: `Cancel was asked by olga: …`."""
    if execution.cancel_requested_at is None:
        return ""
    plain = "Cancelled" if execution.status == ExecutionStatus.CANCELLED else "Cancel was asked"
    said = _WHAT.get(execution.cancel_kind, plain)
    if execution.cancel_actor and execution.cancel_actor_kind == ActorKind.USER:
        said += f" by {execution.cancel_actor}"
    reason = execution.cancel_reason.rstrip(".")
    return f"{said}: {reason}" if reason else said
