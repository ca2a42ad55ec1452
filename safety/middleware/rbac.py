"""Ask again, with a fresh look at the person, before every step."""

from safety import rbac
from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler


class RbacMiddleware:
    """A role that was revoked after submission stops the work before its next step."""

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        answer = rbac.decide(
            rbac.Question(
                tenant_id=step.tenant_id,
                actor_id=step.actor_id,
                action_class=step.action_class,
                environment=step.environment,
                asset_id=step.asset_id,
                execution_id=step.execution_id,
                step_run_id=step.step_run_id,
            )
        )
        if not answer.allowed:
            return refused(step, "rbac", f"not allowed: {answer.reason}")
        return self.proceed(step)


def refused(step: StepContext, category: str, detail: str) -> Outcome:
    """The outcome of a refusal; when an earlier attempt may still run, nobody can tell how it ended."""
    status = OutcomeStatus.INTERRUPTED if step.resume else OutcomeStatus.FAILED
    return Outcome(status=status, category=category, detail=detail)
