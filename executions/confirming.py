"""A person has an unproven end looked at again: the target is asked once more to end the work and to prove it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from executions import dispatch, lifecycle
from executions.connectors.base import ConnectorError, Target, Work
from executions.connectors.registry import connector_for
from executions.errors import Conflict, NotFound, Refused
from executions.holdings import is_of_this_machine
from executions.lifecycle import By
from executions.models import Asset, StepRun
from executions.rights import records_refusals, require
from safety.cancellation import CancelToken
from safety.masking import Masker
from safety.masking.tenant_rules import RulesUnusable
from safety.models import Lease
from safety.secrets.errors import SecretError
from safety.secrets.signing_in import Account, signing_in
from safety.sql import fetch

NEEDS_A_RUNNER = "Having an end looked at again needs the role operator or tenant admin."

_LOCK: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended(%(key)s, 0)) AS mine"
_UNLOCK: LiteralString = "SELECT pg_advisory_unlock(hashtextextended(%(key)s, 0))"


@dataclass(frozen=True)
class Look:
    """What a look has found, as a sentence for people; `confirmed`: the work is proven dead."""

    confirmed: bool
    sentence: str


@records_refusals
def confirm(step_run_id: UUID, *, user: User) -> Look:
    """Ask the target of a stopped step run once more to end what is left of it, and put the answer on record.

    It happens in the caller's process, as in immediate mode, and takes a minute at most beside the grace. When
    the end is proven, the dead letter is closed and the target is free, unless more of the execution is in doubt
    there.

    Raises:
      NotFound, NotAllowed: No such step run for this person, or not theirs to decide about.
      Conflict: Its end is not unproven (any more), or somebody looks at this moment.
      Refused: It cannot be looked at, at all or from here.
    """
    runs = StepRun.objects.visible_to(user).select_related("execution", "step", "asset", "tenant")
    run = runs.filter(pk=step_run_id).first()
    if run is None:
        raise NotFound(f"There is no step run {step_run_id}.")
    require(user, "executions.resolve_execution", run.execution, NEEDS_A_RUNNER)
    asset = _to_look_at(run)
    with _alone(run):
        proven, words = _ask(run, asset)
        return _recorded(run, asset, proven, words, By.user(user))


def _to_look_at(run: StepRun) -> Asset:
    """The target to ask. Raises Conflict and Refused."""
    if run.stop_confirmed is not False or run.finished_at is None:
        raise Conflict("Nothing about the end of this step run is unproven (any more).")
    asset = run.asset
    if asset is None or not run.step.survives_worker:
        hint = "Look there yourself; a tenant admin then releases the lease, if there is one."
        raise Refused(
            "It was a request: what it set off at its far end cannot be looked at from here.", hint=hint
        )
    if asset.tenant_id != run.tenant_id:
        raise Refused(
            "The asset belongs to another tenant now; nothing may be asked of it in this one's name."
        )
    if asset.connection == "local" and not is_of_this_machine(run.begun_by):
        machine = run.begun_by.split(":")[0]
        raise Refused(
            f"It ran on the machine {machine}, and this is another.",
            hint=f"Run `manage.py confirm {str(run.pk)[:8]}` there.",
        )
    return asset


@contextmanager
def _alone(run: StepRun) -> Iterator[None]:
    """Nobody else looks at the same step run while the block runs. Raises Conflict."""
    key = {"key": f"confirm {run.pk}"}
    if not fetch(_LOCK, key)[0]["mine"]:
        raise Conflict("Somebody else is looking at it at this moment.", hint="See what comes of it first.")
    try:
        yield
    finally:
        fetch(_UNLOCK, key)


def _ask(run: StepRun, asset: Asset) -> tuple[bool, str]:
    """Whether the target proves the end, and what there is to say; masked."""
    tenant = run.tenant
    account = Account(tenant.pk, tenant.slug, tenant.masking_version, asset.username, asset.credentials or {})
    try:
        with signing_in(account) as (credentials, masker):
            return _asked(run, _target(asset, credentials), masker)
    except SecretError as error:
        return False, f"it could not be asked: {error}"
    except RulesUnusable as problem:
        return False, f"it could not be asked: {problem}"


def _asked(run: StepRun, target: Target, masker: Masker) -> tuple[bool, str]:
    work = Work(
        execution_id=run.execution_id,
        step_run_id=run.pk,
        attempt=run.attempt,
        token=run.lease_token or 0,
        kind=run.step.kind,
        arguments={},
        target=target,
        cancel=CancelToken(),
        deadline=time.monotonic(),
        grace_s=settings.OPSC["KILL_GRACE_S"],
        resume=True,
    )
    try:
        result = connector_for(run.step.kind, target.connection).stop(work)
    except ConnectorError as error:
        return False, masker.text(f"it could not be asked: {error}")
    return bool(result.stop_confirmed), masker.text(result.detail)


def _target(asset: Asset, credentials: Mapping[str, Any]) -> Target:
    return Target(
        asset_id=asset.pk,
        name=asset.name,
        connection=asset.connection,
        address=asset.address,
        port=asset.port,
        username=asset.username,
        host_keys=asset.host_keys,
        credentials=credentials,
    )


def _recorded(run: StepRun, asset: Asset, proven: bool, words: str, by: By) -> Look:
    with transaction.atomic():
        fetch(lifecycle.LOCK, {"execution": run.execution_id})
        if not proven:
            lifecycle.record(
                "step.stop_not_confirmed",
                tenant_id=run.tenant_id,
                execution_id=run.execution_id,
                step_run_id=run.pk,
                by=by,
                data={"attempt": run.attempt, "detail": words},
            )
            return Look(False, f"Its end is still not proven: {words}.")
        ready = lifecycle.confirm_stop(run.execution_id, run.pk, by=by, detail=words)
        if ready is None:
            raise Conflict("Nothing about the end of this step run is unproven any more.")
        dispatch.wake(ready)
    kept = Lease.objects.filter(execution_id=run.execution_id, lockable_id=asset.pk).exists()
    freed = f"{asset} stays held by its run" if kept else f"{asset} is not held by its run any more"
    return Look(True, f"Its end is proven: {words}. {freed}.")
