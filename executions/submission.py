"""From a submitted plan to a stored execution, in one transaction and once per idempotency key."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from executions import dispatch, idempotency, immediate_slots, limits, overriding, rollout, switches
from executions.errors import Conflict, KeyMismatch, NotAllowed, RanBefore, Refusal, Refused, SwitchedOff
from executions.inventory import frozen_for
from executions.lifecycle import By
from executions.models import Execution
from executions.new_execution import NewExecution
from executions.plans import FrozenPlan, Plan, parse_plan
from executions.rights import records_refusals
from executions.states import REPEATABLE_EXECUTION, Mode
from executions.storing import Existing, existing, store
from safety import rbac
from safety.masking.typed import words_of
from safety.models import Tenant
from safety.standing import Standing, standing
from safety.timeouts import policy_for
from safety.tokens.bearing import token_id_of

STORE_TRIES = 5  # the key's holder may let go of it, or the rollout change, between a look and the next


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What became of a submission. `created` is false when an earlier execution answers for it.

    status: one of pending_approval, approved (immediate mode, about to run), queued, or the existing one's.
    """

    execution_id: UUID
    created: bool
    status: str
    mode: str
    approval_level: int
    approval_hash: str


def preview(
    raw: bytes | str | Mapping[str, Any], *, user: Any, tenant: Tenant, allow_likely_secret: str = ""
) -> tuple[Plan, FrozenPlan]:
    """What the plan says and would do now; nothing is stored.

    `allow_likely_secret`: why what looks like a secret is none; without it, it is a problem of the plan.

    Raises:
      PlanInvalid: With every problem and its place.
      NotAllowed: The person may not let through what looks like a secret.
    """
    allow_likely_secret = words_of(allow_likely_secret)
    plan = parse_plan(raw, allow_likely_secrets=bool(allow_likely_secret))
    frozen = frozen_for(tenant.pk, plan)
    if allow_likely_secret:
        overriding.require(user, tenant, frozen.touches)
    return plan, frozen


def submit(
    raw: bytes | str | Mapping[str, Any],
    *,
    user: Any,
    tenant: Tenant,
    confirmed: bool = False,
    idempotency_key: str | None = None,
    again: bool = False,
    allow_likely_secret: str = "",
    warns: bool = False,
) -> Submitted:
    """Check, freeze and store a plan, and wake workers for it after the commit.

    `confirmed`: the requester confirms what needs no more than that (approval level 1). `idempotency_key`:
    the client's own; it alone then says what is the same submission. A schedule gives its name and slot.
    `again`: run although the same plan ran within the window. `warns`: refuse without `again` when it ran,
    whoever ran it; otherwise only the person's own run counts. `allow_likely_secret`: why what looks like a
    secret in the plan is none; recorded with the places.

    Raises:
      PlanInvalid: With every problem and its place.
      NotAllowed: The person may not run such steps, or not let through what looks like a secret.
      KeyMalformed, KeyMismatch: The client's key is none, or was used with another plan.
      RanBefore: The same plan ran within the window, and `warns` was asked for.
    """
    own = "" if idempotency_key is None else idempotency.checked(idempotency_key)
    plan, frozen = preview(raw, user=user, tenant=tenant, allow_likely_secret=allow_likely_secret)
    key = idempotency.key_of(frozen.plan_hash, tenant=tenant, user=user, own=own)
    if warns and not own and not again:
        _warn(frozen, key, tenant, user)
    return submit_frozen(
        frozen,
        user=user,
        tenant=tenant,
        key=idempotency.new_key() if again and not own else key,
        confirmed=confirmed,
        again=again,
        override=overriding.record_of(plan, allow_likely_secret),
    )


def _warn(frozen: FrozenPlan, key: str, tenant: Tenant, user: Any) -> None:
    runs = idempotency.earlier_runs(frozen.plan_hash, tenant=tenant, user=user)
    counting = [run for run in runs if run.status not in REPEATABLE_EXECUTION]
    if not counting or any(run.idempotency_key == key for run in counting):
        return  # there is none, or the person's own answers
    if rbac.look(
        _question(frozen, tenant, user)
    ).allowed:  # else that they may not run it is what they are told
        told = counting[0]
        raise RanBefore(
            f"The same plan was submitted before: {told.short_id} by {told.requested_by.get_username()}, "
            f"{told.created_at:%Y-%m-%d %H:%M} UTC, {told.get_status_display()}.",
            hint="Look at that run. To run it all the same, say so: run it again (--again).",
        )


def _question(frozen: FrozenPlan, tenant: Tenant, user: Any) -> rbac.Question:
    """May this person have such steps run?"""
    wants = rbac.to_run(frozen.touches)
    return rbac.Question(tenant_id=tenant.pk, actor_id=user.pk, token_id=token_id_of(user), wants=wants)


@records_refusals
def submit_frozen(
    frozen: FrozenPlan,
    *,
    user: Any,
    tenant: Tenant,
    key: str,
    confirmed: bool,
    again: bool = False,
    retry_of: UUID | None = None,
    override: Mapping[str, Any] | None = None,
) -> Submitted:
    """Store a frozen plan under its idempotency key. Raises like `submit`, SwitchedOff, LimitReached."""
    question = _question(frozen, tenant, user)
    _require(question, tenant)
    said: dict[str, Any] = {
        "confirmed": confirmed,
        "again": again,
        "retry_of": retry_of,
        "override": override,
        "token_id": question.token_id,
    }
    for _ in range(STORE_TRIES):
        found = standing(tenant.pk)
        if found.limits:
            limits.require(frozen, user=user, tenant=tenant)
        new = _new(frozen, found, user=user, tenant=tenant, key=key, **said)
        off = switches.objection(frozen, tenant) if found.switches else None
        with limits.counted(user, tenant) if found.limits else nullcontext():
            submitted = _stored(new, question, user, off)
        if submitted is not None:
            return submitted
    raise Conflict(
        "The same plan was submitted and ended, or the rollout changed, at this very moment.",
        hint="Submit it again.",
    )


def _new(
    frozen: FrozenPlan, found: Standing, *, user: Any, tenant: Tenant, key: str, confirmed: bool, **said: Any
) -> NewExecution:
    """What is to be stored, on the side that the rollout says at this moment. Raises RolloutOff."""
    shadow = found.rollout and rollout.is_shadow(frozen, tenant)
    runs_here = frozen.mode == Mode.IMMEDIATE and immediate_slots.has_room()
    return NewExecution(
        id=uuid4(),
        frozen=frozen,
        tenant_id=tenant.pk,
        user_id=user.pk,
        user_name=By.user(user).name,
        policy=policy_for(frozen.sla, frozen.action_class, tenant.pk),
        idempotency_key=idempotency.of_shadow(key) if shadow else key,
        mode=Mode.IMMEDIATE if runs_here else Mode.BACKGROUND,
        confirmed=confirmed and frozen.approval_level == 1,
        shadow=shadow,
        rollout_version=found.rollout_version,
        **said,
    )


def _stored(
    new: NewExecution, question: rbac.Question, user: Any, off: SwitchedOff | None
) -> Submitted | None:
    """The new execution, or the one that its key stands for; that one answers also while runs are switched off.

    Returns: None where all that has to be looked at again.
    """
    stored = store(new) if off is None else None
    if stored is not None:
        dispatch.wake(stored.ready)
        return _submitted(new, stored.status)
    if standing(new.tenant_id).rollout_version != new.rollout_version:
        return None
    found = existing(new.idempotency_key, plan_hash=new.frozen.plan_hash, tenant_id=new.tenant_id)
    if found is not None:
        rbac.decide(question)
        return _answered_by(found, new.frozen, user)
    if off is not None:
        raise off
    return None


def objection(frozen: FrozenPlan, *, user: Any, tenant: Tenant) -> str:
    """Why this person may not run the plan, as it stands now; empty when they may. Nothing is recorded."""
    return rbac.look(_question(frozen, tenant, user)).reason


def would_be_refused(frozen: FrozenPlan, *, user: Any, tenant: Tenant) -> str:
    """What besides rights refuses it as of now: limits of one run, switches, the rollout; empty when nothing does."""
    found = standing(tenant.pk)
    try:
        if found.limits:
            limits.require(frozen, user=user, tenant=tenant)
        if found.rollout:
            rollout.is_shadow(frozen, tenant)
        if found.switches and (off := switches.objection(frozen, tenant)):
            raise off
    except Refused as refusal:
        return f"{refusal} {refusal.hint}".strip()
    return ""


def _require(question: rbac.Question, tenant: Tenant) -> None:
    """Refuse who may not run all of it; a yes is recorded together with the execution."""
    answer = rbac.look(question)
    if not answer.allowed:
        what = answer.question.removeprefix("run:")
        raise NotAllowed(
            f"You may not run {what} steps for {tenant.name} in {answer.environment}: {answer.reason}.",
            hint="A tenant admin can change your memberships.",
            refused=Refusal(question, answer),
        )


def _answered_by(found: Existing, frozen: FrozenPlan, user: Any) -> Submitted:
    if found.plan_hash != frozen.plan_hash:
        seen = Execution.objects.visible_to(user).filter(pk=found.id).exists()
        which = f" (execution {str(found.id)[:8]})" if seen else ""
        raise KeyMismatch(
            f"This idempotency key belongs to another plan{which}.", hint="Use a new key for a new plan."
        )
    return Submitted(
        execution_id=found.id,
        created=False,
        status=found.status,
        mode=found.mode,
        approval_level=found.approval_level,
        approval_hash=found.approval_hash,
    )


def _submitted(new: NewExecution, status: str) -> Submitted:
    return Submitted(
        execution_id=new.id,
        created=True,
        status=status,
        mode=new.mode,
        approval_level=new.frozen.approval_level,
        approval_hash=new.frozen.approval_hash,
    )
