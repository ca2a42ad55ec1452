"""Stop before the start when cancel was asked, and carry the wish to the connector."""

from safety.cancellation import CancelReason
from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler


class CancellationMiddleware:
    """Nothing begins after a cancel was asked.

    A step that is being re-attached may still run on its target, so it goes on with a token that is already
    cancelled: the connector then ends what it finds and says whether that is proven.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        if step.cancel_requested:
            step.cancel.cancel(CancelReason.USER, "cancel was asked before the step began")
        if step.cancel.is_cancelled and not step.resume:
            return _never_began(step)
        return self.proceed(step)


def _never_began(step: StepContext) -> Outcome:
    if step.cancel.reason and step.cancel.reason.hands_over:
        return Outcome(status=OutcomeStatus.HANDED_OVER, detail=step.cancel.detail)
    return Outcome(
        status=OutcomeStatus.CANCELLED,
        category="cancelled",
        detail=step.cancel.detail or "cancelled before it began",
        stop_confirmed=True,
    )
