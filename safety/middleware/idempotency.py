"""A step run takes effect once per attempt, however often it is delivered."""

from safety.choices import Effect
from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler


class IdempotencyMiddleware:
    """Commit that the effect is about to begin before it does, fenced by the lease.

    An attempt whose effect had begun before runs on only where re-attaching is what was asked for; otherwise
    nobody can tell how far it came, and the step is interrupted instead of repeated. A read has no effect.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        if step.effect is Effect.READ:
            return self.proceed(step)
        if not step.effects.begin() and not step.resume:
            return Outcome(
                status=OutcomeStatus.INTERRUPTED,
                category="duplicate",
                detail="this attempt had begun before; its outcome is unknown",
            )
        return self.proceed(step)
