"""Fetches a step's secrets for as long as its connector runs."""

import logging

from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler
from safety.secrets.errors import NothingMasks, SecretError
from safety.secrets.resolver import Resolver

logger = logging.getLogger(__name__)


class SecretsMiddleware:
    """Resolve references, tell the masker every value, hand them to the connector, wipe them.

    When a secret cannot be had, nothing was started: the outcome is `failed`, category `secret`, and worth a
    retry if the store may come back. Innermost in the chain: values exist for the shortest time.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        resolver = Resolver(step.tenant_slug)
        try:
            try:
                _resolve(step, resolver)
            except SecretError as error:
                return Outcome(
                    status=OutcomeStatus.FAILED,
                    category="secret",
                    detail=f"{error.code}: {error}",
                    retryable=error.transient,
                )
            return self.proceed(step)
        finally:
            step.resolved_arguments = step.resolved_credentials = None
            resolver.wipe()


def _resolve(step: StepContext, resolver: Resolver) -> None:
    masker = step.masker
    if masker is None:
        raise NothingMasks("the step has no masker, so its secrets stay where they are")
    arguments = resolver.resolve(step.arguments)
    credentials = resolver.resolve(step.credentials)
    known = len(masker.warnings)
    for reference, value in resolver.values.items():
        masker.add(value.reveal(), name=str(reference))
    for warning in masker.warnings[known:]:
        logger.warning("Step run %s: %s", step.step_run_id, warning)
    step.resolved_arguments, step.resolved_credentials = arguments, credentials
