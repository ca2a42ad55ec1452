"""Hear of a cancel from before the start to the end of a step, and begin nothing after one."""

from safety.cancellation import CancelReason
from safety.context import LeaseLost, Outcome, OutcomeStatus, StepContext, StepHandler


class CancellationMiddleware:
    """Nothing begins after a cancel was asked, and what runs is told at once.

    The token that connectors wait on hears of the wishes of people and of the execution's limit only through
    this watch. A step that is being re-attached may still run on its target, so it goes on with a token that is
    already cancelled: the connector then ends what it finds and says whether that is proven.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        stop_watching = step.wishes.watch(step.cancel)
        try:
            if step.cancel.is_cancelled and not step.resume:
                return never_began(step)
            return self.proceed(step)
        finally:
            stop_watching()


def never_began(step: StepContext) -> Outcome:
    """The outcome of a step whose token was cancelled before its effect began. Raises LeaseLost."""
    reason, detail = step.cancel.reason, step.cancel.detail
    if reason is CancelReason.LEASE_LOST:
        raise LeaseLost(detail)
    if reason is CancelReason.SHUTDOWN:
        return Outcome(status=OutcomeStatus.HANDED_OVER, detail=detail)
    timed_out = reason is CancelReason.TIMEOUT
    return Outcome(
        status=OutcomeStatus.TIMED_OUT if timed_out else OutcomeStatus.CANCELLED,
        category="timeout" if timed_out else "cancelled",
        detail=detail or "cancelled before it began",
        stop_confirmed=True,
        stopped_for=reason,
    )
