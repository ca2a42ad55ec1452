"""Nothing runs that was not approved, for this very hash."""

from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler
from safety.middleware.rbac import refused


class ApprovalMiddleware:
    """The approval is read again before every step; a changed plan or target list stops the run.

    What was let in by somebody who may not any more is put back until it is let in again.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        objection = step.approval.objection()
        if objection:
            return refused(step, "approval", objection)
        withdrawn = "" if step.resume else step.approval.withdrawn()
        if withdrawn:
            return Outcome(status=OutcomeStatus.HANDED_OVER, category="gate", detail=withdrawn)
        return self.proceed(step)
