"""One execution at a time changes an asset."""

from django.db import transaction

from safety import leases
from safety.context import Outcome, OutcomeStatus, StepContext, StepHandler


class MutexMiddleware:
    """Hold every asset and resource of the execution before one of its steps may change any.

    All of them or none, in the order in which executions asked, so two never wait for each other and none waits
    for ever. They outlive the step and are released when the execution is over; a holder of the step run that
    lost its claim takes none. What is to be stopped needs none: it begins nothing.
    """

    def __init__(self, proceed: StepHandler) -> None:
        self.proceed = proceed

    def __call__(self, step: StepContext) -> Outcome:
        if step.cancel.is_cancelled or not (step.changes_assets or step.shares):
            return self.proceed(step)
        try:
            step.effects.holds(self._acquire(step))
        except leases.AssetBusy as busy:
            return Outcome(
                status=OutcomeStatus.WAITING,
                category="asset_busy",
                detail=str(busy),
                waits_for=busy.lockables,
            )
        except leases.ResourceGone as gone:
            return Outcome(status=OutcomeStatus.FAILED, category="resource_gone", detail=str(gone))
        return self.proceed(step)

    @staticmethod
    def _acquire(step: StepContext) -> int | None:
        """The fencing token of the lease on the step's own asset."""
        with transaction.atomic(savepoint=False):
            step.effects.still_ours()
            try:
                return leases.acquire(
                    tenant_id=step.tenant_id,
                    execution_id=step.execution_id,
                    assets=step.changes_assets,
                    wants=step.shares,
                    worker=step.worker,
                    ttl_s=step.limits.lease_s,
                    actor_id=step.actor_id,
                    own=step.asset_id,
                    in_line=step.waits_when_busy,
                )
            except leases.AssetBusy as caught:
                busy = caught
        raise busy
