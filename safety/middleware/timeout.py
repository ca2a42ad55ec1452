"""End the step at the earliest of its own limit, the policy's, and the execution's."""

import time

from safety import deadlines
from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler


class TimeoutMiddleware:
    """No step outlives its deadline: at the limit its token is cancelled with the reason `timeout`.

    Connectors watch `step.deadline` by themselves too; the watch is for whatever forgets to.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        limits = step.limits
        allowed_s = min(limits.step_s, limits.execution_left_s)
        why = "step limit" if limits.step_s <= limits.execution_left_s else "limit of the whole execution"
        if allowed_s <= 0 and not step.resume:
            return Outcome(
                status=OutcomeStatus.TIMED_OUT,
                category="timeout",
                detail=f"no time left before it began ({why}, policy {limits.policy})",
                stop_confirmed=True,
            )
        step.deadline = time.monotonic() + max(allowed_s, 0.0)
        if step.masker is not None:
            step.masker.deadline = step.deadline
        detail = f"{why} of {allowed_s:.0f} s reached (policy {limits.policy})"
        call_off = deadlines.watch(step.deadline, step.cancel, detail)
        try:
            return self.proceed(step)
        finally:
            call_off()
