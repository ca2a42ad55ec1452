"""Nothing runs that was not approved, for this very hash."""

from safety.context import Outcome, StepContext, StepHandler
from safety.middleware.rbac import refused


class ApprovalMiddleware:
    """The approval is read again before every step; a changed plan or target list stops the run."""

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        objection = step.approval.objection()
        if objection:
            return refused(step, "approval", objection)
        return self.proceed(step)
