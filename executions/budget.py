"""What an execution's time went into: how much of its budget is spent, and what is counted apart."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from executions.models import Execution
from executions.states import CLOCK_OF, Clock

_KEPT_IN = {
    Clock.WORK: "spent_s",
    Clock.APPROVAL: "approval_wait_s",
    Clock.QUEUE: "queue_wait_s",
    Clock.LEASES: "lease_wait_s",
    Clock.DECISION: "decision_wait_s",
    Clock.PAUSE: "pause_wait_s",
    Clock.LOST: "lost_wait_s",
}
_WAITED = {
    "approval_wait_s": "for approval",
    "queue_wait_s": "for a first worker",
    "lease_wait_s": "for leases",
    "decision_wait_s": "for a decision",
    "pause_wait_s": "while its tenant was paused",
    "lost_wait_s": "for another worker after one was lost",
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Seconds of an execution's life, each counted once: `spent_s` of `limit_s`, and what does not spend it.

    clock: what the time is counted as now, empty after the end. spent_earlier_s: before a person's last decision,
    which grants the limit anew.
    """

    policy: str
    limit_s: int
    clock: str
    spent_s: float
    spent_earlier_s: float
    approval_wait_s: float
    queue_wait_s: float
    lease_wait_s: float
    decision_wait_s: float
    pause_wait_s: float
    lost_wait_s: float

    def as_data(self) -> dict[str, Any]:
        """Plain data, seconds to the millisecond."""
        pairs = asdict(self).items()
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in pairs}

    @property
    def sentence(self) -> str:
        """`41 s of 300 s used (policy long/modify); waited 12 s for approval, 3 s for leases`."""
        used = f"{self._say(self.spent_s)} of {self.limit_s} s used (policy {self.policy})"
        if self.spent_earlier_s:
            used += f", {self._say(self.spent_earlier_s)} before a person decided"
        waits = [(getattr(self, name), why) for name, why in _WAITED.items()]
        worth_saying_s = 1.0 if self.clock else 0.05
        waited = ", ".join(f"{self._say(wait)} {why}" for wait, why in waits if wait >= worth_saying_s)
        return f"{used}; waited {waited}" if waited else used

    def _say(self, seconds: float) -> str:
        """Tenths only after the end: until then they would change with every look."""
        return f"{seconds:.1f} s" if seconds < 10 and not self.clock else f"{int(seconds)} s"


def budget_of(execution: Execution, now: datetime | None = None) -> Budget:
    """The budget as it stands; `now` is for showing only, nothing is decided by it."""
    clock = execution.clock or CLOCK_OF.get(execution.status, "")
    kept = {name: getattr(execution, name) for name in (*_KEPT_IN.values(), "spent_earlier_s")}
    if clock:
        since = execution.clock_since or execution.created_at
        kept[_KEPT_IN[Clock(clock)]] += max(0.0, ((now or timezone.now()) - since).total_seconds())
    return Budget(policy=execution.policy, limit_s=execution.limit_s, clock=clock, **kept)
