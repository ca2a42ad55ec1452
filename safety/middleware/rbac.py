"""Ask again, with a fresh look at the person, before every step."""

from dataclasses import replace

from safety import rbac
from safety.choices import ActionClass
from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler, Violation


class RbacMiddleware:
    """A role or an API token that was revoked after submission stops the work before its next step."""

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        violation = violation_of(step)
        if violation is not None:
            return replace(refused(step, "rbac", f"not allowed: {violation.reason}"), violation=violation)
        return self.proceed(step)


def violation_of(step: StepContext) -> Violation | None:
    """Ask now, and write the answer down: why the step's author may not do this any more; None when they may."""
    answer = rbac.decide(
        rbac.Question(
            tenant_id=step.tenant_id,
            actor_id=step.actor_id,
            token_id=step.token_id,
            wants=rbac.to_run(_touched(step)),
            asset_id=step.asset_id,
            execution_id=step.execution_id,
            step_run_id=step.step_run_id,
            objection=step.objection,
        )
    )
    if answer.allowed:
        return None
    return Violation(
        actor_id=step.actor_id,
        person=answer.person,
        question=answer.question,
        environment=step.environment,
        asset_id=step.asset_id,
        reason=answer.reason,
    )


def _touched(step: StepContext) -> list[tuple[str, ActionClass]]:
    """What the step does, and what its execution holds beside others: that holds up changes, so it counts as one."""
    pairs = [(step.environment, step.action_class)]
    if step.shares and step.action_class is ActionClass.READ:
        pairs.append((step.environment, ActionClass.MODIFY))
    return pairs


def refused(step: StepContext, category: str, detail: str) -> Outcome:
    """The outcome of a refusal; when an earlier attempt may still run, nobody can tell how it ended."""
    status = OutcomeStatus.INTERRUPTED if step.resume else OutcomeStatus.FAILED
    return Outcome(status=status, category=category, detail=detail)
