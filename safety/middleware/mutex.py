"""One execution at a time changes an asset."""

from django.db import transaction

from safety import leases
from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler


class MutexMiddleware:
    """Hold every asset of the execution before one of its steps may change any.

    Leases are taken in one sorted order, so two executions cannot wait for each other. They outlive the step
    and are released when the execution is over; a holder of the step run that lost its claim takes none.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        if not step.changes_assets:
            return self.proceed(step)
        try:
            with transaction.atomic():
                step.effects.still_ours()
                leases.acquire(
                    tenant_id=step.tenant_id,
                    execution_id=step.execution_id,
                    assets=step.changes_assets,
                    worker=step.worker,
                    ttl_s=step.limits.lease_s,
                )
        except leases.AssetBusy as busy:
            return Outcome(
                status=OutcomeStatus.WAITING,
                category="asset_busy",
                detail=str(busy),
                waits_for=tuple(holder.asset_id for holder in busy.holders),
            )
        return self.proceed(step)
