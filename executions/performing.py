"""The innermost part of the chain: hand the work to its connector, and say truthfully how it ended."""

import logging
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError

from executions import cleaning, probing, shadowing
from executions.connectors.base import ConnectorError, Ended, NotStarted, OutcomeUnknown, Result, Target, Work
from executions.connectors.registry import connector_for
from executions.expectations import unmet
from executions.holdings import is_of_this_machine
from executions.lifecycle import ClaimedStep, work_goes_on
from executions.output import OutputStore
from executions.runaway import Bounded, Unheard
from safety.cancellation import CancelReason, CancelToken
from safety.choices import Effect
from safety.context import LeaseLost, Outcome, OutcomeStatus, StepContext
from safety.middleware.cancellation import never_began

logger = logging.getLogger(__name__)


def perform(context: StepContext, step: ClaimedStep) -> Outcome:
    """Run the step on its target, behind every guard.

    Fails closed: without a masker nothing is run, because its output could not be kept.
    """
    if context.masker is None or context.resolved_arguments is None:
        return Outcome(status=OutcomeStatus.FAILED, category="internal", detail="a guard is missing")
    context.wishes.look(context.cancel)
    if context.cancel.is_cancelled and not context.resume:
        return never_began(context)
    if not step.asset_is_active:
        gone = f"{step.asset_name} is not active any more"
        return Outcome(status=OutcomeStatus.FAILED, category="asset", detail=gone)
    if not step.resume and not context.approval.begins():
        return Outcome(status=OutcomeStatus.HANDED_OVER, category="gate", detail="it has to be let in again")
    if step.waited:
        work_goes_on(step.execution_id)
    if step.shadow:
        return shadowing.instead(step, context.worker)
    answer = _asked_first(context, step) if step.verify_first else None
    if answer is not None:
        return answer
    sink = OutputStore(step, context.masker)
    try:
        if step.resume and step.connection == "local" and not is_of_this_machine(step.begun_by):
            raise OutcomeUnknown(
                f"it was begun on the machine of worker {step.begun_by}, and this is another",
                category="other_machine",
            )
        result = _run(step, context, sink)
        context.reached = True
    except NotStarted as error:
        return _not_started(error)
    except OutcomeUnknown as error:
        context.reached = True
        sink.close()
        cleaning.not_reached(context, step, str(error))
        return _unknown(context, step, error.category, str(error), sink)
    sink.close()
    return _judge(context, step, result, sink)


def _asked_first(context: StepContext, step: ClaimedStep) -> Outcome | None:
    """What the probe says before anything is tried; None where the step is to be run."""
    answer = probing.ask(context, step, _work(step, context))
    if answer is not None:
        return answer
    if step.resume:  # its attempt was made; only the question was left
        return probing.not_applied(context)
    context.reached = True  # by the probe, which found it not applied: what follows is a first try
    return None


def _not_started(error: NotStarted) -> Outcome:
    return Outcome(
        status=OutcomeStatus.FAILED, category=error.category, detail=str(error), retryable=error.transient
    )


def _run(step: ClaimedStep, context: StepContext, sink: OutputStore) -> Result:
    """Let the connector run the work; an error inside OpsConductor leaves nothing running unwatched.

    Without the database nothing can be recorded: the work is let go of, and whoever takes over follows it.
    """
    connector, work = connector_for(step.kind, step.connection or ""), _work(step, context)
    try:
        return connector.run(work, Bounded(sink, context.cancel))
    except (ConnectorError, LeaseLost):
        raise
    except Exception as error:
        if not connector.survives_worker:
            raise
        if isinstance(error, InterfaceError | OperationalError):
            raise LeaseLost(f"the database does not answer ({type(error).__name__})") from error
        logger.exception("step run %s failed inside OpsConductor; it is ended", step.step_run_id)
        detail = f"error inside OpsConductor ({type(error).__name__}); see the worker's log"
        context.cancel.cancel(CancelReason.ERROR, detail)
    return connector.run(replace(work, resume=True), Unheard(sink))


def _work(step: ClaimedStep, context: StepContext | None = None) -> Work:
    """The connector's view of the step; without a context, only enough to find what it left behind."""
    resolved = (context and context.resolved_arguments) or {}
    return Work(
        execution_id=step.execution_id,
        step_run_id=step.step_run_id,
        attempt=step.attempt,
        token=step.token,
        kind=step.kind,
        arguments=resolved.get("with") or {},
        target=target_of(step, (context and context.resolved_credentials) or {}),
        cancel=context.cancel if context else CancelToken(),
        deadline=context.deadline if context else 0.0,
        grace_s=settings.OPSC["KILL_GRACE_S"],
        resume=step.resume,
    )


def target_of(step: ClaimedStep, credentials: Any) -> Target | None:
    """The step's target with its resolved credentials; None when it acts on no asset."""
    if step.asset_id is None:
        return None
    return Target(
        asset_id=step.asset_id,
        name=step.asset_name or "",
        connection=step.connection or "",
        address=step.address or "",
        port=step.port or 0,
        username=step.username or "",
        host_keys=step.host_keys or "",
        credentials=credentials,
    )


def _judge(context: StepContext, step: ClaimedStep, result: Result, sink: OutputStore) -> Outcome:
    reason = context.cancel.reason
    if result.ended is Ended.DETACHED:
        if reason is CancelReason.LEASE_LOST:
            raise LeaseLost(context.cancel.detail)
        return Outcome(status=OutcomeStatus.HANDED_OVER, category="detached", detail=context.cancel.detail)
    if result.ended is Ended.STOPPED:
        return _stopped(context, step, result, sink)
    failure = unmet(step.spec.get("expect", {}), result, sink.tail())
    return Outcome(
        status=OutcomeStatus.FAILED if failure else OutcomeStatus.SUCCEEDED,
        category=failure.category if failure else "",
        detail=failure.detail if failure else result.detail,
        summary=sink.summary(),
        exit_code=result.exit_code if result.exit_code is not None else result.status_code,
    )


def _stopped(context: StepContext, step: ClaimedStep, result: Result, sink: OutputStore) -> Outcome:
    """Ended by us. A far end that may still be at work is no timeout but an unknown outcome."""
    reason = context.cancel.reason
    if reason is CancelReason.LEASE_LOST:
        raise LeaseLost(context.cancel.detail)
    if reason is not None and reason.hands_over:
        return _unknown(context, step, "shutdown", result.detail or "the worker was stopped", sink)
    cleaning.clean_up(context, step, result, _work(step, context), sink)
    status, category = _ending(reason)
    wished = status is OutcomeStatus.CANCELLED
    if not wished and not result.stop_confirmed and step.effect in (Effect.UNSAFE, Effect.CHECKABLE):
        return _unknown(context, step, category, f"{context.cancel.detail}; {result.detail}", sink)
    words = [context.cancel.detail or f"limit reached (policy {context.limits.policy})", result.detail]
    return Outcome(
        status=status,
        category=category,
        detail="; ".join(word for word in words if word),
        summary=sink.summary(),
        exit_code=result.exit_code,
        stop_confirmed=result.stop_confirmed,
        stopped_for=reason or CancelReason.TIMEOUT,
    )


def _ending(reason: CancelReason | None) -> tuple[OutcomeStatus, str]:
    """Status and category of what was stopped: a step's own deadline comes without a reason."""
    if reason in (None, CancelReason.TIMEOUT):
        return OutcomeStatus.TIMED_OUT, "timeout"
    if reason in (CancelReason.RESOURCE_LIMIT, CancelReason.ERROR):
        return OutcomeStatus.FAILED, "internal" if reason is CancelReason.ERROR else str(reason)
    return OutcomeStatus.CANCELLED, "cancelled"


def _unknown(
    context: StepContext, step: ClaimedStep, category: str, detail: str, sink: OutputStore
) -> Outcome:
    """What an unknown outcome means for this effect class (design: the life of a step run)."""
    if context.cancel.reason is CancelReason.LEASE_LOST:
        raise LeaseLost(context.cancel.detail)
    summary = sink.summary()
    if step.effect in (Effect.READ, Effect.IDEMPOTENT):
        if context.cancel.reason is CancelReason.SHUTDOWN:
            return Outcome(status=OutcomeStatus.HANDED_OVER, detail=detail)
        if context.cancel.reason is not None:
            return Outcome(
                status=_ending(context.cancel.reason)[0],
                category=category,
                detail=detail,
                summary=summary,
                stop_confirmed=False,
                stopped_for=context.cancel.reason,
            )
        return Outcome(
            status=OutcomeStatus.FAILED, category=category, detail=detail, summary=summary, retryable=True
        )
    if step.effect == Effect.CHECKABLE and not context.cancel.is_cancelled:
        return probing.ask(context, step, _work(step, context)) or Outcome(
            status=OutcomeStatus.FAILED,
            category=category,
            detail=f"{detail}; {probing.NOT_APPLIED}",
            summary=summary,
            retryable=True,
        )
    return Outcome(status=OutcomeStatus.INTERRUPTED, category=category, detail=detail, summary=summary)


def forget(step: ClaimedStep) -> None:
    """Remove what the step left on its target (a shadow: nothing), now that its result is on record; never raises."""
    if step.survives_worker and not step.shadow:
        connector_for(step.kind, step.connection or "").forget(_work(step))
