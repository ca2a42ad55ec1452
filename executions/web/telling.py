"""Says in a sentence where an execution stands and why, and in a few words how long something took."""

from datetime import UTC, datetime

from django.utils import timezone

from executions.cancel_words import cancel_words
from executions.models import Approval, Execution
from executions.states import ExecutionStatus

_S = ExecutionStatus
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def sentence(execution: Execution, approval: Approval | None) -> str:
    """The state with its reason, for the head of the page."""
    over = f"{execution.total_runs - execution.open_runs} of {execution.total_runs} step runs are over"
    reason = execution.status_reason.rstrip(".")
    if execution.cancel_requested_at and not execution.is_terminal:
        return f"{cancel_words(execution)}; what still runs is being ended."
    if execution.status == _S.PENDING_APPROVAL:
        return _waiting_for_approval(execution, approval)
    if execution.status == _S.NEEDS_ATTENTION:
        return f"{reason or 'The outcome of a step is unknown'}. Nothing goes on before a person decides."
    if execution.status == _S.RUNNING:
        return f"{over}."
    if execution.status == _S.QUEUED:
        return "Waits for a worker to take its first step."
    if execution.status == _S.SUCCEEDED:
        return "Every step run is over and none failed."
    if execution.cancel_requested_at and execution.status in (_S.CANCELLED, _S.TIMED_OUT):
        return f"{cancel_words(execution)}."
    return f"{reason}." if reason else f"{_counts(execution)}."


def _waiting_for_approval(execution: Execution, approval: Approval | None) -> str:
    who = "a person who may run it" if execution.approval_level == 1 else "an approver who did not ask for it"
    if approval and approval.quorum > 1:
        who = f"{approval.quorum} approvers who did not ask for it"
    left = f" Expires {relative(approval.expires_at)}." if approval else ""
    return f"Waits for {who}.{left}"


def _counts(execution: Execution) -> str:
    counts = {
        "succeeded": execution.succeeded_runs,
        "failed": execution.failed_runs,
        "timed out": execution.timed_out_runs,
        "cancelled": execution.cancelled_runs,
        "skipped": execution.skipped_runs,
        "of unknown outcome": execution.interrupted_runs,
    }
    said = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    return f"Step runs: {said}" if said else "No step run has ended yet"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `41 s`, `2 min 5 s`, `3 h 20 min`, `4 d 2 h`; empty when there is none."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for limit, unit, name, smaller, smaller_name in (
        (_DAY, _DAY, "d", _HOUR, "h"),
        (_HOUR, _HOUR, "h", _MINUTE, "min"),
        (_MINUTE, _MINUTE, "min", 1, "s"),
    ):
        if whole >= limit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def relative(at: datetime, now: datetime | None = None) -> str:
    """`just now`, `3 min ago`, `in 12 min`; the largest unit only."""
    seconds = ((now or timezone.now()) - at).total_seconds()
    size = abs(seconds)
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if size >= unit:
            amount = f"{int(size // unit)} {name}"
            break
    else:
        if size < 10:
            return "just now" if seconds >= 0 else "in a moment"
        amount = f"{int(size // 10) * 10} s"
    return f"{amount} ago" if seconds > 0 else f"in {amount}"


def exact(at: datetime) -> str:
    """`2026-11-23 19:30:53 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def elapsed_s(begin: datetime | None, end: datetime | None) -> float | None:
    """Seconds from begin to end, or to now while there is no end; None before the beginning."""
    if begin is None:
        return None
    return ((end or timezone.now()) - begin).total_seconds()
