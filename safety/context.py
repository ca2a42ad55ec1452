"""What travels through the safety chain: the step's context going in, its outcome coming out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from safety.cancellation import CancelReason, CancelToken
from safety.choices import ActionClass, Effect
from safety.leases import Want

if TYPE_CHECKING:
    from safety.masking import Masker


class OutcomeStatus(StrEnum):
    """How one attempt at a step run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"  # nobody can tell whether the effect happened
    WAITING = "waiting"  # nothing was started; try again when `waits_for` is free
    HANDED_OVER = "handed_over"  # the work goes on (or never began) and another worker takes it


# Refusals of a guard: they end the execution whatever the step's author wished, and are never retried.
REFUSALS = frozenset({"rbac", "approval"})


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What RBAC refused to whom, and why; `person` is the user name, empty when there is none."""

    actor_id: int | None
    person: str
    question: str
    environment: str
    asset_id: UUID | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one attempt. `summary` and `detail` are masked before they are stored.

    category: stable word for statistics, such as `exit_code`, `unreachable`, `rbac`, `timeout`.
    retryable: whether another attempt makes sense (the policy still limits how many).
    stop_confirmed: after a cancel or timeout, whether the remote work is proven dead.
    stopped_for: why it was stopped before its own end, where it was.
    waits_for_store: nothing was started because this secret store is away for now, as words; empty otherwise.
    """

    status: OutcomeStatus
    category: str = ""
    detail: str = ""
    summary: str = ""
    exit_code: int | None = None
    retryable: bool = False
    stop_confirmed: bool | None = None
    stopped_for: CancelReason | None = None
    waits_for: tuple[UUID, ...] = ()
    waits_for_store: str = ""
    violation: Violation | None = None

    @property
    def is_refusal(self) -> bool:
        """Whether a guard said that this must not run at all."""
        return self.category in REFUSALS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Time limits of one step, seconds; `policy` names the row of the timeout policy used.

    execution_left_s is what the execution's own deadline leaves at the moment of the claim; lease_s is how long
    a lease on an asset lasts that nobody renews.
    """

    policy: str
    step_s: float
    execution_left_s: float
    lease_s: float


class CancelWatch(Protocol):
    """Where a step hears that somebody asked for the end of its execution."""

    def watch(self, token: CancelToken) -> Callable[[], None]:
        """Cancel the token when somebody asks, now if somebody has; returns what ends the watching."""

    def look(self, token: CancelToken) -> None:
        """Ask the record itself, at the last moment before an effect, unless that was done just now."""


class EffectLog(Protocol):
    """Where the worker writes down that an effect is about to happen, fenced by its lease."""

    def begin(self) -> bool:
        """Commit the intent; false when this attempt's effect had begun before.

        Raises LeaseLost when a newer holder exists, AssetTaken when the asset was given to somebody else.
        """

    def holds(self, asset_token: int | None) -> None:
        """From now on nothing may begin, or end well, without this lease on the step's own asset."""

    def still_ours(self) -> None:
        """Lock the claim until the end of the transaction. Raises LeaseLost when a newer holder exists."""


class ApprovalGate(Protocol):
    """The approval as it stands in the database now."""

    def objection(self) -> str:
        """Why the step may not run, as a sentence; empty when it is approved or needs no approval."""

    def withdrawn(self) -> str:
        """Why it has to be let in again before it begins; empty where it has not, or needs nobody."""

    def begins(self) -> bool:
        """Whether it may begin at this moment; what was let in counts as used from then on."""


class LeaseLost(Exception):
    """The lease on this step run is gone; another worker may hold it. Nothing was written."""


class AssetTaken(Exception):
    """The lease on the step's asset was taken away while it was held; another execution may be at work there."""


@dataclass(kw_only=True)
class StepContext:
    """One claimed step on its way to the target. Middleware may fill the fields at the end.

    token: fencing token of the claim; changes_assets: the sorted ids of every asset that the *execution* may
    change (empty for a pure read); shares: what it holds beside others, assets and resources;
    waits_when_busy: whether it may stand in line for all these; arguments: the step's `with`, references
    unresolved; credentials, username: references for signing in to the target,
    and the account there; masking_version: that of the
    tenant's masking rules at the claim, 0 when it can have none; tried_s: seconds from the first claim of its step
    run to this one; objection: why nobody may act on its asset for this tenant, empty when somebody may;
    token_id: the API token with which its execution was submitted.
    """

    tenant_id: int
    tenant_slug: str
    execution_id: UUID
    step_run_id: UUID
    attempt: int
    token: int
    worker: str
    actor_id: int | None
    action_class: ActionClass
    effect: Effect
    environment: str
    asset_id: UUID | None
    changes_assets: tuple[UUID, ...]
    limits: Limits
    resume: bool
    arguments: Mapping[str, Any]
    credentials: Mapping[str, Any]
    masking_version: int = 0
    tried_s: float = 0.0
    effects: EffectLog
    approval: ApprovalGate
    wishes: CancelWatch
    username: str = ""
    objection: str = ""
    token_id: int | None = None
    shares: tuple[Want, ...] = ()
    waits_when_busy: bool = True
    cancel: CancelToken = field(default_factory=CancelToken)
    # Filled by middleware on the way in, and wiped on the way out.
    masker: "Masker | None" = None
    reached: bool = False  # whether anything was learnt from the target itself
    deadline: float = 0.0  # time.monotonic() value
    resolved_arguments: Mapping[str, Any] | None = None
    resolved_credentials: Mapping[str, Any] | None = None


StepHandler = Callable[[StepContext], Outcome]

__all__ = [
    "ApprovalGate",
    "AssetTaken",
    "CancelReason",
    "CancelWatch",
    "EffectLog",
    "LeaseLost",
    "Limits",
    "Outcome",
    "OutcomeStatus",
    "StepContext",
    "StepHandler",
    "Violation",
]
