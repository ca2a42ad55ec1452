"""What this person can do to an execution now; the page offers nothing else."""

from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import OuterRef, Subquery

from executions.authority import BREAK_GLASS, may_decide
from executions.control import is_withdrawal
from executions.fresh import FROM_LEVEL
from executions.glass import may_review
from executions.models import Approval, EffectRecord, Execution, StepGate, StepRun, Vote
from executions.states import ExecutionStatus, StepStatus
from executions.stepwise import waiting_gates
from executions.voting import Tally

UNKNOWN_SHOWN = 20
TARGETS_SHOWN = 12


@dataclass(frozen=True)
class Actions:
    """Offers for one person. `cannot_decide`: why the approval is not theirs, empty when it is.

    `voted`: they approved it, and others have to as well. `withdraw`: a cancel would take back what they asked for.
    """

    execution: Execution
    user: User | AnonymousUser
    cancel: bool
    retry: bool
    retry_failed: bool
    decide: bool
    voted: bool
    cannot_decide: str
    take_back: bool
    glass: bool
    review: bool
    withdraw: bool
    unknown: list[StepRun]
    unproven: list[StepRun]
    gates: list[StepGate]

    @cached_property
    def _names(self) -> list[str]:
        runs = StepRun.objects.visible_to(self.user).filter(execution_id=self.execution.pk)
        names = runs.filter(asset__isnull=False).values_list("asset__name", flat=True)
        return list(names.order_by("asset__name").distinct())

    @property
    def targets(self) -> list[str]:
        """The first target names; read only where they are shown, because there may be thousands."""
        return self._names[:TARGETS_SHOWN]

    @property
    def more_targets(self) -> int:
        """How many targets there are besides those shown."""
        return max(0, len(self._names) - TARGETS_SHOWN)

    @property
    def key(self) -> str:
        """Changes whenever something else is offered."""
        offered = [self.cancel, self.retry, self.retry_failed, self.decide, self.voted, self.cannot_decide]
        offered += [self.take_back, self.glass, self.review]
        waiting = [str(run.pk) for run in (*self.unknown, *self.unproven, *self.gates)]
        return f"{self.execution.status} {offered} {waiting}"

    @property
    def any(self) -> bool:
        """Whether there is something to offer or to explain."""
        offered = self.cancel or self.retry or self.retry_failed or self.decide
        offered = offered or self.take_back or self.glass or self.review
        return bool(offered or self.cannot_decide or self.unknown or self.unproven or self.gates)


def actions_for(execution: Execution, user: User | AnonymousUser) -> Actions:
    """Ask each permission once, and only where the state allows the act."""
    waits = execution.status == ExecutionStatus.PENDING_APPROVAL
    over = execution.is_terminal
    wanted = not over and execution.cancel_requested_at is None
    retry = over and user.has_perm("executions.retry_execution", execution)
    gates = waiting_gates(execution)
    objection = may_decide(execution, user) if waits or gates else ""
    withdraw = is_withdrawal(execution, user)
    return Actions(
        execution=execution,
        user=user,
        cancel=wanted and (withdraw or user.has_perm("executions.cancel_execution", execution)),
        retry=retry,
        retry_failed=retry and 0 < execution.succeeded_runs < execution.total_runs,
        decide=waits and not objection,
        voted=waits and not objection and _counts(execution, user),
        cannot_decide=objection,
        take_back=not over and _voted(execution, user),
        glass=waits and execution.approval_level >= FROM_LEVEL and user.has_perm(BREAK_GLASS, execution),
        review=_to_review(execution, user),
        withdraw=withdraw,
        unknown=_unknown(execution, user),
        unproven=_unproven(execution, user),
        gates=[] if objection else gates,
    )


def _voted(execution: Execution, user: User | AnonymousUser) -> bool:
    approved = Vote.Decision.APPROVED
    return Vote.objects.filter(approval__execution=execution, person_id=user.pk, decision=approved).exists()


def _counts(execution: Execution, user: User | AnonymousUser) -> bool:
    """Whether their vote counts and others have to vote, too."""
    approval = Approval.objects.filter(execution=execution).first()
    tally = Tally(execution, approval) if approval else None
    return bool(tally and tally.missing and any(vote.person_id == user.pk for vote in tally.counting))


def _to_review(execution: Execution, user: User | AnonymousUser) -> bool:
    broken = Approval.objects.filter(execution=execution, status="break_glass", reviewed_by=None).exists()
    return broken and isinstance(user, User) and not may_review(execution, user)


def _unknown(execution: Execution, user: User | AnonymousUser) -> list[StepRun]:
    if execution.status != ExecutionStatus.NEEDS_ATTENTION:
        return []
    if not user.has_perm("executions.resolve_execution", execution):
        return []
    found = StepRun.objects.visible_to(user).filter(execution_id=execution.pk, status=StepStatus.INTERRUPTED)
    last = EffectRecord.objects.filter(step_run=OuterRef("pk"), attempt=OuterRef("attempt"))
    found = found.annotate(effect_at=Subquery(last.values("begun_at")[:1]))
    return list(found.select_related("step", "asset").order_by("position", "id")[:UNKNOWN_SHOWN])


def _unproven(execution: Execution, user: User | AnonymousUser) -> list[StepRun]:
    """What was stopped without a proof of its end, and may be looked at again by this person."""
    if not execution.cancelled_runs + execution.timed_out_runs + execution.failed_runs:
        return []
    runs = StepRun.objects.visible_to(user).filter(execution_id=execution.pk, stop_confirmed=False)
    found = list(runs.select_related("step", "asset").order_by("position", "id")[:UNKNOWN_SHOWN])
    return found if found and user.has_perm("executions.resolve_execution", execution) else []
