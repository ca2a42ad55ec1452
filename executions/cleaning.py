"""Runs what a step names to clean up after it was stopped, on its target and under its own claim."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid5

from django.db import transaction

from executions import lifecycle, switches
from executions.connectors.base import ConnectorError, Ended, Result, Work
from executions.connectors.registry import connector_for
from executions.expectations import unmet
from executions.holdings import HOLDINGS
from executions.lifecycle import ClaimedStep
from executions.output import OutputStore
from safety.cancellation import CancelReason, CancelToken
from safety.context import LeaseLost, StepContext
from safety.middleware.rbac import violation_of
from safety.models import Lease, SwitchMode

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 30.0
TITLE = "clean-up (on_cancel)"
TAKEN = "not run: the asset was taken away from its execution"
TAKEN_MIDWAY = "not run, or not followed to its end: the asset was taken away from its execution"


def clean_up(context: StepContext, step: ClaimedStep, result: Result, work: Work, sink: OutputStore) -> None:
    """Run the step's `on_cancel`, if it has one and began, and put on record how that went.

    It runs only where nothing of the step runs any more: its process is proven dead, or it was a request of which
    nothing but the far end is left. Only while the execution still has the asset: another may be at work there. And
    only while its author still may: whoever lost the right between the step and its end touches nothing any more.
    Not while somebody says `stop` to the connector that it would use.
    What it says follows the step's own output. The next worker that re-attaches to a stopped step comes here again:
    a command is not begun twice, a request is sent again with the same key.

    Raises LeaseLost.
    """
    wanted = (context.resolved_arguments or {}).get("on_cancel")
    if wanted is None or not result.began:
        return
    why_not = _why_not(context, step, result, wanted["kind"])
    if why_not:
        _record(context, step, done=False, detail=why_not)
        return
    violation = violation_of(context)
    if violation is not None:
        detail = f"not run: {violation.person or 'its author'} may not do this any more, {violation.reason}"
        with transaction.atomic():
            lifecycle.record_violation(step, violation, worker=context.worker)
            _record(context, step, done=False, detail=detail)
        return
    sink.begin_section(TITLE)
    action = _action(step, wanted, work)
    with HOLDINGS.cleaning(step.token, action.cancel):
        failure = _failure(action, step, sink)
    sink.close()
    _record(context, step, done=not failure, detail=failure)
    if action.cancel.reason is not CancelReason.SHUTDOWN:
        connector_for(action.kind, step.connection or "").forget(action)


def _why_not(context: StepContext, step: ClaimedStep, result: Result, kind: str) -> str:
    """Why nothing is cleaned up, as a clause; empty where it may be, as far as rights do not matter."""
    if not result.stop_confirmed and step.kind != "http":
        return f"not run: {result.detail or 'the step may still be running'}"
    if _was_taken(step):
        return TAKEN_MIDWAY if context.resume else TAKEN
    off = switches.why_off(step, kind, SwitchMode.STOP)
    how = "not run, or not followed to its end" if context.resume else "not run"
    return f"{how}: {off}" if off else ""


def not_reached(context: StepContext, step: ClaimedStep, why: str) -> None:
    """Put on record that the step's `on_cancel`, if it has one, was not run. Raises LeaseLost."""
    reason, wanted = context.cancel.reason, (context.resolved_arguments or {}).get("on_cancel")
    if wanted is not None and reason is not None and not reason.hands_over:
        _record(context, step, done=False, detail=f"not run: {why}")


def _action(step: ClaimedStep, wanted: Mapping[str, Any], work: Work) -> Work:
    """The clean-up as work of its own, named so that every worker of this attempt finds the same."""
    limit_s = min(wanted.get("timeout") or DEFAULT_TIMEOUT_S, step.step_limit_s)
    return replace(
        work,
        step_run_id=uuid5(step.step_run_id, f"on_cancel-{step.attempt}"),
        kind=wanted["kind"],
        arguments=wanted["with"],
        cancel=CancelToken(),
        deadline=time.monotonic() + limit_s,
        resume=False,
    )


def _was_taken(step: ClaimedStep) -> bool:
    """Whether the execution has no lease on the step's asset any more, although it needs one.

    Asked by the execution: a later holder of a stopped step was granted no lease and knows no token of it.
    """
    if step.asset_id is None or str(step.asset_id) not in {*step.changes_assets, *step.shares_assets}:
        return False
    return not Lease.objects.filter(execution_id=step.execution_id, lockable_id=step.asset_id).exists()


def _failure(action: Work, step: ClaimedStep, sink: OutputStore) -> str:
    """Run it to its end, unless its asset is gone by now. Returns: why it failed, empty when it did not.

    Raises LeaseLost.
    """
    if _was_taken(step):
        return TAKEN
    try:
        result = connector_for(action.kind, step.connection or "").run(action, sink)
    except ConnectorError as error:
        return str(error)
    reason = action.cancel.reason
    if reason is CancelReason.LEASE_LOST:
        raise LeaseLost(action.cancel.detail)
    if result.ended is Ended.FINISHED:
        failure = unmet({}, result, "")
        return failure.detail if failure else ""
    if reason is CancelReason.SHUTDOWN:
        return "the worker was stopped before it ended"
    proof = "and was ended" if result.stop_confirmed else "and could not be ended for certain"
    return f"it did not end in time {proof}"


def _record(context: StepContext, step: ClaimedStep, *, done: bool, detail: str) -> None:
    masked = context.masker.text(detail) if context.masker else ""
    lifecycle.record_clean_up(step, done=done, detail=masked, worker=context.worker)
    if not done:
        logger.warning("the clean-up of step run %s failed", step.step_run_id)
