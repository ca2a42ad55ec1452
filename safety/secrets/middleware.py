"""Fetches a step's secrets for as long as its connector runs."""

import logging
import time

from safety.context import LeaseLost, Outcome, OutcomeStatus, StepContext, StepHandler
from safety.secrets.errors import NothingMasks, SecretError
from safety.secrets.resolver import Resolver
from safety.secrets.ssh_certificates import with_certificate

logger = logging.getLogger(__name__)


class SecretsMiddleware:
    """Resolve references, tell the masker every value, hand them to the connector, give back and wipe them.

    When a secret cannot be had, nothing was started: the outcome is `failed`, category `secret`, and tells which
    store to wait for if it may come back. Innermost in the chain: values exist for the shortest time. What was lent
    for the step is revoked whatever happened, unless the work itself goes on without us (a worker that drains,
    a lost lease): then its server ends it. So it does after a crash.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        resolver = Resolver(
            step.tenant_slug,
            tenant_id=step.tenant_id,
            lasting_s=_left_s(step),
            since_s=step.tried_s if step.resume else 0.0,
        )
        goes_on = False
        try:
            try:
                _resolve(step, resolver)
            except SecretError as error:
                return Outcome(
                    status=OutcomeStatus.FAILED,
                    category="secret",
                    detail=f"{error.code}: {error}",
                    retryable=error.transient,
                    waits_for_store=_awaited(error),
                )
            try:
                outcome = self.proceed(step)
            except LeaseLost:
                goes_on = True
                raise
            goes_on = outcome.status is OutcomeStatus.HANDED_OVER and outcome.category == "detached"
            return outcome
        finally:
            step.resolved_arguments = step.resolved_credentials = None
            resolver.end(give_back=not goes_on)


def _awaited(error: SecretError) -> str:
    """The store that is away and how, such as `the secret store vault: sealed`; empty when waiting helps nothing."""
    named = f"the secret store {error.store}" if error.store else "the secret store"
    return f"{named}: {error.code.removeprefix('secret.')}" if error.transient else ""


def _left_s(step: StepContext) -> float:
    """How long the step may still take; 0 when nothing set a deadline."""
    return max(step.deadline - time.monotonic(), 0.0) if step.deadline else 0.0


def _resolve(step: StepContext, resolver: Resolver) -> None:
    masker = step.masker
    if masker is None:
        raise NothingMasks("the step has no masker, so its secrets stay where they are")
    known = len(masker.warnings)
    try:
        arguments = resolver.resolve(step.arguments)
        credentials = with_certificate(resolver, resolver.resolve(step.credentials), step)
    finally:  # also what was read before the one that could not be had
        for name, value in resolver.to_mask():
            masker.add(value.reveal(), name=name)
        masker.warnings += resolver.unread()
    for warning in masker.warnings[known:]:
        logger.warning("Step run %s: %s", step.step_run_id, warning)
    step.resolved_arguments, step.resolved_credentials = arguments, credentials
