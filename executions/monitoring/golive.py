"""Whether a tenant is ready for the next phase of its rollout: each criterion with its figure and its limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, LiteralString

from safety.models import Tenant
from safety.sql import fetch_one

HOURS = 24.0  # what is looked at, back from now


class Step(StrEnum):
    """What is asked about: going from shadow to canary, from canary to full, and staying full."""

    DARK = "dark"
    CANARY = "canary"
    FULL = "full"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """At least so many runs, at most so much trouble. Shares are from 0 to 1."""

    runs: int
    errors: float
    in_time: float
    queue: int
    workers: float = 1.0


LIMITS: Mapping[Step, Limits] = {
    Step.DARK: Limits(runs=20, errors=0.05, in_time=0.95, queue=1000),
    Step.CANARY: Limits(runs=50, errors=0.02, in_time=0.98, queue=1000),
    Step.FULL: Limits(runs=100, errors=0.01, in_time=0.99, queue=1000),
}

# Runs that ended by a wish or never began say nothing about quality. In time: within the bound of the SLA class, for
# long ones within the execution's own limit. Workers: of those that were active within the window's last hour.
_FIGURES: LiteralString = """
WITH ended AS (
    SELECT status, spent_s, limit_s, sla FROM opsc_execution
    WHERE tenant_id = %(tenant)s AND finished_at > statement_timestamp() - make_interval(secs => %(hours)s * 3600)
      AND shadow = %(shadow)s AND status IN ('succeeded', 'failed', 'partial', 'timed_out')
    UNION ALL
    SELECT status, spent_s, limit_s, sla FROM opsc_execution
    WHERE tenant_id = %(tenant)s AND status = 'needs_attention' AND shadow = %(shadow)s
)
SELECT (SELECT count(*) FROM ended)::int AS runs,
       (SELECT count(*) FROM ended WHERE status <> 'succeeded')::int AS bad,
       (SELECT count(*) FROM ended WHERE status NOT IN ('timed_out', 'needs_attention')
            AND spent_s <= CASE sla WHEN 'fast' THEN 10 WHEN 'medium' THEN 30 ELSE limit_s END)::int AS in_time,
       (SELECT count(*) FROM opsc_step_run WHERE tenant_id = %(tenant)s AND status = 'ready')::int AS queue,
       (SELECT count(*) FROM opsc_worker WHERE state IN ('active', 'draining'))::int AS alive,
       (SELECT count(*) FROM opsc_worker WHERE state = 'lost'
            AND heartbeat_at > statement_timestamp() - interval '1 hour')::int AS lost
"""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One figure beside its limit."""

    name: str
    figure: str
    limit: str
    holds: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """GO when every criterion holds."""

    step: Step
    hours: float
    criteria: tuple[Criterion, ...]

    @property
    def is_go(self) -> bool:
        return all(criterion.holds for criterion in self.criteria)

    def as_data(self) -> dict[str, Any]:
        """The same for programs."""
        listed = [
            {"name": one.name, "figure": one.figure, "limit": one.limit, "holds": one.holds}
            for one in self.criteria
        ]
        return {
            "phase": self.step,
            "hours": self.hours,
            "verdict": "GO" if self.is_go else "NO-GO",
            "criteria": listed,
        }


def verdict(tenant: Tenant, step: Step, *, hours: float = HOURS) -> Verdict:
    """Look at what ended within the last `hours`: shadow runs for `dark`, real ones otherwise."""
    parameters = {"tenant": tenant.pk, "hours": hours, "shadow": step is Step.DARK}
    found = fetch_one(_FIGURES, parameters) or {}
    limits, runs = LIMITS[step], found["runs"]
    errors = found["bad"] / runs if runs else 1.0
    in_time = found["in_time"] / runs if runs else 0.0
    known = found["alive"] + found["lost"]
    healthy = found["alive"] / known if known else 0.0
    kind = "shadow runs" if step is Step.DARK else "real runs"
    return Verdict(
        step=step,
        hours=hours,
        criteria=(
            _criterion(f"{kind} that ended", str(runs), f">= {limits.runs}", runs >= limits.runs),
            _criterion(
                "error rate", _share(errors, runs), f"<= {limits.errors:.0%}", errors <= limits.errors
            ),
            _criterion(
                "within their SLA class",
                _share(in_time, runs),
                f">= {limits.in_time:.0%}",
                in_time >= limits.in_time,
            ),
            _criterion(
                "step runs in the queue",
                str(found["queue"]),
                f"<= {limits.queue}",
                found["queue"] <= limits.queue,
            ),
            _criterion(
                "healthy workers",
                _share(healthy, known),
                f">= {limits.workers:.0%}",
                healthy >= limits.workers,
            ),
        ),
    )


def _criterion(name: str, figure: str, limit: str, holds: bool) -> Criterion:
    return Criterion(name=name, figure=figure, limit=limit, holds=holds)


def _share(share: float, of: int) -> str:
    return f"{share:.1%} of {of}" if of else "nothing to look at"
