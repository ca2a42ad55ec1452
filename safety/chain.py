"""The safety chain: middleware from settings around the connector, in one fixed order."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from safety.context import StepHandler

# Cheap questions first; secrets exist for the shortest time. Outermost first.
REQUIRED_ORDER = (
    "safety.masking.middleware.MaskingMiddleware",
    "safety.middleware.cancellation.CancellationMiddleware",
    "safety.middleware.timeout.TimeoutMiddleware",
    "safety.middleware.rbac.RbacMiddleware",
    "safety.middleware.approval.ApprovalMiddleware",
    "safety.middleware.mutex.MutexMiddleware",
    "safety.middleware.idempotency.IdempotencyMiddleware",
    "safety.secrets.middleware.SecretsMiddleware",
)


def build(innermost: StepHandler) -> StepHandler:
    """Wrap `innermost` in the middleware of `SAFETY_MIDDLEWARE`. An error inside a guard stops the step."""
    handler = innermost
    for path in reversed(settings.SAFETY_MIDDLEWARE):
        handler = import_string(path)(handler)
    return handler


@register()
def check_chain(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Refuse to start when a guard is missing or out of order (`safety.E001`)."""
    present = [path for path in settings.SAFETY_MIDDLEWARE if path in REQUIRED_ORDER]
    if tuple(present) == REQUIRED_ORDER:
        return []
    missing = [path for path in REQUIRED_ORDER if path not in present]
    what = f"missing: {', '.join(missing)}" if missing else "out of order"
    return [
        Error(
            f"SAFETY_MIDDLEWARE is incomplete ({what}).",
            hint=f"List them outermost first: {', '.join(REQUIRED_ORDER)}.",
            id="safety.E001",
        )
    ]
