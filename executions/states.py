"""The states of executions and step runs, and every legal move between them."""

from django.db import models


class ExecutionStatus(models.TextChoices):
    """Where an execution stands."""

    PENDING_APPROVAL = "pending_approval", "pending approval"
    APPROVED = "approved"
    QUEUED = "queued"
    RUNNING = "running"
    NEEDS_ATTENTION = "needs_attention", "needs attention"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIAL = "partial"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out", "timed out"
    REJECTED = "rejected"
    EXPIRED = "expired"


class StepStatus(models.TextChoices):
    """Where one step run stands."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out", "timed out"
    INTERRUPTED = "interrupted", "outcome unknown"


_E, _S = ExecutionStatus, StepStatus

EXECUTION_MOVES: dict[str, frozenset[str]] = {
    _E.PENDING_APPROVAL: frozenset({_E.APPROVED, _E.REJECTED, _E.EXPIRED, _E.CANCELLED}),
    _E.APPROVED: frozenset({_E.QUEUED, _E.RUNNING, _E.CANCELLED}),
    _E.QUEUED: frozenset({_E.RUNNING, _E.CANCELLED, _E.TIMED_OUT}),
    _E.RUNNING: frozenset(
        {_E.SUCCEEDED, _E.FAILED, _E.PARTIAL, _E.CANCELLED, _E.TIMED_OUT, _E.NEEDS_ATTENTION}
    ),
    _E.NEEDS_ATTENTION: frozenset({_E.RUNNING, _E.FAILED, _E.CANCELLED}),
}

STEP_MOVES: dict[str, frozenset[str]] = {
    _S.PENDING: frozenset({_S.READY, _S.SKIPPED, _S.CANCELLED}),
    _S.READY: frozenset({_S.RUNNING, _S.SKIPPED, _S.CANCELLED}),
    _S.RUNNING: frozenset(
        {_S.SUCCEEDED, _S.FAILED, _S.RETRYING, _S.READY, _S.CANCELLED, _S.TIMED_OUT, _S.INTERRUPTED}
    ),
    _S.RETRYING: frozenset({_S.READY, _S.SKIPPED, _S.CANCELLED}),
    _S.INTERRUPTED: frozenset({_S.SUCCEEDED, _S.READY, _S.SKIPPED, _S.FAILED, _S.CANCELLED}),
}

TERMINAL_EXECUTION = frozenset(_E.values) - frozenset(EXECUTION_MOVES)
TERMINAL_STEP = frozenset(_S.values) - frozenset(STEP_MOVES)
OPEN_EXECUTION = frozenset(EXECUTION_MOVES)
# A key whose execution ended like this may run again.
REPEATABLE_EXECUTION = frozenset({_E.FAILED, _E.CANCELLED, _E.TIMED_OUT, _E.REJECTED, _E.EXPIRED})

# "It runs again after that one, which …"
AS_PAST: dict[str, str] = {
    _E.FAILED: "failed",
    _E.CANCELLED: "was cancelled",
    _E.TIMED_OUT: "timed out",
    _E.REJECTED: "was rejected",
    _E.EXPIRED: "expired",
    _E.SUCCEEDED: "succeeded",
    _E.PARTIAL: "succeeded in part",
}


class EffectOutcome(models.TextChoices):
    """What is known of the effect of one attempt once it is over; `decided_…` is what a person decided."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out", "timed out"
    HANDED_OVER = "handed_over", "handed over by its worker"
    LOST = "lost", "worker lost, then repeated"
    UNKNOWN = "unknown", "outcome unknown"
    DECIDED_SUCCEEDED = "decided_succeeded", "unknown until a person said that it took effect"
    DECIDED_RETRY = "decided_retry", "unknown until a person had it run again"
    DECIDED_SKIP = "decided_skip", "unknown; a person skipped it"
    DECIDED_ABORT = "decided_abort", "unknown; a person ended the run"


class ActorKind(models.TextChoices):
    """Who made a change."""

    USER = "user"
    WORKER = "worker"
    SYSTEM = "system"


class Clock(models.TextChoices):
    """What an execution's time is counted as; every second of its life is counted as exactly one of these.

    Only `WORK` spends the budget. After the end it is empty.
    """

    APPROVAL = "approval"  # a person has to allow it
    QUEUE = "queue"  # no worker took its first step yet
    WORK = "work"  # a step runs, waits for a worker, or waits for its next attempt
    LEASES = "leases"  # nothing can go on before an asset is free
    DECISION = "decision"  # a person has to say how a step ended
    PAUSE = "pause"  # its tenant is paused, and nothing of it runs
    LOST = "lost"  # the worker of its last running step was lost, and no other took over yet


# What a state means for the clock, while nobody knows better; the database has the same table.
CLOCK_OF: dict[str, str] = {
    _E.PENDING_APPROVAL: Clock.APPROVAL,
    _E.APPROVED: Clock.QUEUE,
    _E.QUEUED: Clock.QUEUE,
    _E.RUNNING: Clock.WORK,
    _E.NEEDS_ATTENTION: Clock.DECISION,
}


class Mode(models.TextChoices):
    """Whether an execution runs in the caller's process or through the queue."""

    IMMEDIATE = "immediate"
    BACKGROUND = "background"
