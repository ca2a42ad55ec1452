"""One step run from claim to finish: through the safety chain to the connector, and on to what follows."""

import logging
import random
import time
from dataclasses import dataclass, replace
from functools import cache
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import transaction

from executions import dispatch, lifecycle, performing, probing, standing
from executions.gates import StepApproval, StepEffects, StepWishes
from executions.holdings import HOLDINGS
from executions.lifecycle import ClaimedStep, Ready
from safety import chain
from safety.cancellation import CancelReason, CancelToken
from safety.choices import ActionClass, Effect
from safety.context import AssetTaken, LeaseLost, Limits, Outcome, OutcomeStatus, StepContext, StepHandler
from safety.masking.log_fields import bind

logger = logging.getLogger(__name__)

LONGEST_SHIFT_S = 60.0  # one message is worked on no longer than this before it is acknowledged
RETRY_BASE_S, RETRY_CAP_S = 1.0, 300.0
STORE_PAUSE_CAP_S = 30.0
LAST_LOOK_S = 4.0  # with less time left, no further look at a store would be taken for certain
TRY_AGAIN_S = 5.0  # before another holder tries to reach what an earlier one began
NOT_REACHED = "not_reached"
DETACHED = "detached"  # the work goes on by itself
WAIT_SLACK_S = 5.0
LOCK_POLL_S = 60.0  # a freed asset wakes its waiters at once; this is for a wake-up that was lost


@dataclass(kw_only=True)
class RunningStep(StepContext):
    """The safety chain's context of a claimed step run."""

    claimed: ClaimedStep
    effects: StepEffects


def work_off(queue: str) -> int:
    """Claim and run step runs of the queue until none is left, the process drains or a minute is over.

    Returns: how many ran.
    """
    ran, until = 0, time.monotonic() + LONGEST_SHIFT_S
    while not HOLDINGS.draining and time.monotonic() < until:
        claimed_at = time.monotonic()
        step = lifecycle.claim_from(queue, worker=HOLDINGS.worker, ttl_s=settings.OPSC["LEASE_TTL_S"])
        if step is None:
            break
        ran += follow(step, claimed_at)
    return ran


def follow(step: ClaimedStep, claimed_at: float) -> int:
    """Run a claimed step run and, without a detour over the broker, what became ready by it.

    Returns: how many step runs ran.
    """
    ran = 0
    current: ClaimedStep | None = step
    while current is not None:
        ready = run(current, claimed_at)
        ran += 1
        current = None
        if ready and not HOLDINGS.draining and ready[0].queue == step.queue:
            first, *ready = ready
            claimed_at = time.monotonic()
            current = lifecycle.claim_one(
                first.step_run_id, worker=HOLDINGS.worker, ttl_s=settings.OPSC["LEASE_TTL_S"]
            )
        dispatch.wake(ready)
    return ran


def run(step: ClaimedStep, claimed_at: float) -> list[Ready]:
    """Run one claimed step run to its recorded end. Returns: what became ready by it.

    A holder that lost its lease records nothing: whoever took over does.
    """
    context = _context(step)
    about = bind(execution=step.execution_id, step_run=step.step_run_id)
    with about, HOLDINGS.hold(step, context.cancel, claimed_at):
        try:
            outcome = _as_far_as_known(step, context, _through_chain(context))
            left_s = step.left_s - (time.monotonic() - claimed_at)
            try:
                return _record(step, outcome, left_s=left_s, asset_token=context.effects.asset_token)
            except AssetTaken as taken:
                return _record(step, _in_doubt(outcome, taken), left_s=left_s)
        except LeaseLost:
            logger.warning("lost the lease on step run %s; nothing was recorded", step.step_run_id)
            return []


def _context(step: ClaimedStep) -> RunningStep:
    cancel = CancelToken()
    return RunningStep(
        claimed=step,
        tenant_id=step.tenant_id,
        tenant_slug=step.tenant_slug,
        masking_version=step.masking_version,
        execution_id=step.execution_id,
        step_run_id=step.step_run_id,
        attempt=step.attempt,
        tried_s=step.tried_s,
        token=step.token,
        worker=HOLDINGS.worker,
        actor_id=step.requested_by_id,
        token_id=step.api_token_id,
        action_class=ActionClass(step.action_class),
        effect=Effect(step.effect),
        environment=step.asset_environment or step.environment,
        asset_id=step.asset_id,
        objection=_objection(step),
        changes_assets=tuple(UUID(asset) for asset in step.changes_assets),
        shares=step.shares,
        waits_when_busy=not step.fail_when_busy,
        limits=Limits(
            policy=step.policy,
            step_s=_step_limit_s(step),
            execution_left_s=step.left_s,
            lease_s=step.lease_limit_s,
        ),
        resume=step.resume,
        arguments={part: step.spec.get(part) for part in ("with", "verify", "on_cancel")},
        credentials=step.credentials or {},
        username=step.username or "",
        effects=StepEffects(step, cancel),
        approval=StepApproval(step),
        wishes=StepWishes(step),
        cancel=cancel,
    )


def _objection(step: ClaimedStep) -> str:
    """Why nobody of the tenant may act on the step's asset, as it was at the claim."""
    if step.asset_id is None or step.asset_tenant_id == step.tenant_id:
        return ""
    return "the asset is gone" if step.asset_tenant_id is None else "the asset belongs to another tenant now"


def _step_limit_s(step: ClaimedStep) -> float:
    """The step's own limit, capped by the policy's; a wait is as long as it says, within the execution's time."""
    if step.kind == "wait":
        return float(step.spec["with"]["seconds"]) + WAIT_SLACK_S
    return min(step.timeout_s or step.step_limit_s, step.step_limit_s)


def _through_chain(context: RunningStep) -> Outcome:
    """An error inside a guard stops the step; after the effect began it means that nobody knows."""
    try:
        return _handler(tuple(settings.SAFETY_MIDDLEWARE))(context)
    except LeaseLost:
        raise
    except AssetTaken as taken:  # before anything began; what was begun earlier has to be attached to again
        category = DETACHED if context.resume else "asset_taken"
        return Outcome(status=OutcomeStatus.HANDED_OVER, category=category, detail=str(taken))
    except Exception as error:
        logger.exception("step run %s failed inside OpsConductor", context.step_run_id)
        detail = f"internal error ({type(error).__name__}); see the worker's log"
        if context.effects.begun and context.claimed.effect in (Effect.UNSAFE, Effect.CHECKABLE):
            return Outcome(status=OutcomeStatus.INTERRUPTED, category="internal", detail=detail)
        return Outcome(status=OutcomeStatus.FAILED, category="internal", detail=detail, retryable=True)


@cache
def _handler(middleware: tuple[str, ...]) -> StepHandler:  # noqa: ARG001  the key of the cache
    return chain.build(lambda context: performing.perform(context, cast("RunningStep", context).claimed))


def _as_far_as_known(step: ClaimedStep, context: RunningStep, outcome: Outcome) -> Outcome:
    """A later holder that never got to the target has learnt nothing of what an earlier one began there.

    Its failure is no failure of the step: another holder tries, or a person decides.
    """
    began_before = step.resume or step.verify_first
    if not began_before or context.reached or outcome.status is not OutcomeStatus.FAILED:
        return outcome
    if outcome.retryable and not context.cancel.is_cancelled:
        return replace(outcome, status=OutcomeStatus.HANDED_OVER, category=NOT_REACHED)
    return replace(outcome, status=OutcomeStatus.INTERRUPTED)


def _in_doubt(outcome: Outcome, taken: AssetTaken) -> Outcome:
    """A good end that cannot be believed: somebody else may have been at work on the asset at the same time."""
    return replace(outcome, status=OutcomeStatus.INTERRUPTED, category="asset_taken", detail=str(taken))


def _record(
    step: ClaimedStep, outcome: Outcome, *, left_s: float, asset_token: int | None = None
) -> list[Ready]:
    worker = HOLDINGS.worker
    match outcome.status:
        case OutcomeStatus.WAITING:
            return _wait(step, outcome, worker)
        case OutcomeStatus.HANDED_OVER:
            return _hand_over(step, outcome, worker)
        case OutcomeStatus.INTERRUPTED:
            lifecycle.interrupt(step, outcome, worker=worker)
            return []
    if outcome.status is OutcomeStatus.FAILED and may_retry(step, outcome):
        awaits_store = bool(outcome.waits_for_store)
        delay_s = store_pause_s(step.tried_s, left_s) if awaits_store else backoff_s(step.attempt)
        if delay_s < left_s and not (awaits_store and left_s < LAST_LOOK_S):
            lifecycle.retry_later(step, outcome, worker=worker, delay_s=delay_s)
            performing.forget(step)  # of this attempt; the next one has a directory of its own
            return []
        why = f"not tried again: the execution's time ends before that (policy {step.policy})"
        outcome = replace(outcome, detail=f"{outcome.detail}; {why}" if outcome.detail else why)
    finished = lifecycle.finish(step, outcome, worker=worker, asset_token=asset_token)
    _tell_a_person(step, outcome, worker)
    performing.forget(step)
    return finished.ready


def _hand_over(step: ClaimedStep, outcome: Outcome, worker: str) -> list[Ready]:
    if outcome.category == NOT_REACHED:
        lifecycle.hand_over(step, outcome, worker=worker, resume=step.resume, delay_s=TRY_AGAIN_S)
        return []
    if outcome.category == probing.HELD:
        lifecycle.hand_over(step, outcome, worker=worker, resume=True, verify_first=True)
        return []
    lifecycle.hand_over(step, outcome, worker=worker, resume=outcome.category == DETACHED)
    return [Ready(step.step_run_id, step.queue, step.priority)]


def _wait(step: ClaimedStep, outcome: Outcome, worker: str) -> list[Ready]:
    described = replace(outcome, detail=standing.why_it_waits(step, outcome.waits_for) or outcome.detail)
    longest: float = settings.OPSC["LOCK_WAIT_S"]
    left_s = min(longest, longest if step.max_wait_s is None else step.max_wait_s) - step.lock_wait_s
    if step.fail_when_busy or left_s <= 0:
        busy = Outcome(status=OutcomeStatus.FAILED, category="asset_busy", detail=described.detail)
        with transaction.atomic():
            ready = lifecycle.finish(step, busy, worker=worker).ready
            return ready + lifecycle.leave_line(step.execution_id, unless_others_wait=True)
    poll_s = min(LOCK_POLL_S * random.uniform(0.8, 1.2), left_s)  # noqa: S311
    lifecycle.wait_for_assets(step, described, worker=worker, delay_s=poll_s, waited_for=step.waited_for)
    # Freed between its look and here, it would not be woken. Whoever else waits is no concern of a waiter's.
    return lifecycle.wake_waiting_for(outcome.waits_for, only=step.execution_id)


def may_retry(step: ClaimedStep, outcome: Outcome) -> bool:
    """Failures that never began are repeated up to the policy's limit; others as often as the step says.

    A secret store that is away is waited for as long as the execution's time lasts: that uses up no attempt.
    """
    if outcome.waits_for_store:
        return True
    if (
        step.attempt >= step.attempt_limit
        or outcome.is_refusal
        or outcome.stopped_for is CancelReason.RESOURCE_LIMIT
    ):
        return False
    return outcome.retryable or step.attempt <= step.retries


def backoff_s(attempt: int) -> float:
    """Exponential with full jitter: between half and all of 1 s, 2 s, 4 s … 5 min."""
    longest: float = min(RETRY_BASE_S * 2 ** (attempt - 1), RETRY_CAP_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311


def store_pause_s(tried_s: float, left_s: float) -> float:
    """Before the next look at a secret store that is away: as long as the step has tried, up to half a minute.

    With full jitter, so that many that were sent away together do not come back together; never more than half of
    the execution's time that is left, so that there is a last look before it is over.
    """
    longest = min(max(RETRY_BASE_S, tried_s), STORE_PAUSE_CAP_S, left_s / 2)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311


def _tell_a_person(step: ClaimedStep, outcome: Outcome, worker: str) -> None:
    used_up = outcome.status is OutcomeStatus.FAILED and (step.attempt > 1 or outcome.waits_for_store)
    if used_up or outcome.stop_confirmed is False:
        reason = outcome.detail or "the end of its process is not confirmed"
        lifecycle.dead_letter(step, category=outcome.category, reason=reason, worker=worker)
