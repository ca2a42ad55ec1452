"""How far an execution is, read from its own row: no counting."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from safety.sql import fetch_one

_PROGRESS: LiteralString = """
SELECT status, status_reason, total_runs AS total, open_runs AS open, succeeded_runs AS succeeded,
       failed_runs AS failed, skipped_runs AS skipped, cancelled_runs AS cancelled, timed_out_runs AS timed_out,
       interrupted_runs AS interrupted, finished_at IS NOT NULL AS is_over,
       extract(epoch FROM coalesce(finished_at, statement_timestamp()) - started_at)::float AS elapsed_s,
       estimate_s
FROM opsc_execution WHERE id = %(execution)s
"""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A moment of an execution. Counts are step runs; elapsed_s is None before the start."""

    status: str
    status_reason: str
    total: int
    open: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    timed_out: int
    interrupted: int
    is_over: bool
    elapsed_s: float | None
    estimate_s: float

    @property
    def percent(self) -> int:
        """Share of step runs that are over, 0 to 100."""
        return 100 * (self.total - self.open) // max(self.total, 1)


def progress(execution_id: UUID) -> Progress | None:
    """The execution's progress as of now; None when there is no such execution."""
    row = fetch_one(_PROGRESS, {"execution": execution_id})
    return Progress(**row) if row else None
