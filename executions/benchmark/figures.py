"""One measured figure, beside its baseline and what is wanted of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class NothingMeasured(Exception):
    """A measurement saw no completed work, or some that failed: it has no figure."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A limit for a figure's value, or for its ratio to the baseline."""

    limit: float
    at_most: bool = False
    of_ratio: bool = False

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"{sign} {self.limit:.2f} x baseline" if self.of_ratio else f"{sign} {self.limit:,.0f}"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the figure is compared with, in the same unit."""

    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value; `detail` says what it was measured on."""

    name: str
    value: float
    unit: str
    baseline: Baseline | None = None
    wanted: Wanted | None = None
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over baseline."""
        return self.value / self.baseline.value if self.baseline else None

    @property
    def shortfall(self) -> float | None:
        """By which share of what is wanted the figure misses it; 0 when it holds, None when nothing is wanted."""
        if self.wanted is None:
            return None
        seen = self.ratio if self.wanted.of_ratio else self.value
        if seen is None:
            return None
        beyond = seen - self.wanted.limit if self.wanted.at_most else self.wanted.limit - seen
        return max(0.0, beyond / self.wanted.limit)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "baseline": None
            if self.baseline is None
            else {"name": self.baseline.name, "value": round(self.baseline.value, 3)},
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "wanted": None if self.wanted is None else str(self.wanted),
            "holds": None if self.shortfall is None else self.shortfall == 0,
            "short_by_percent": None if not self.shortfall else round(100 * self.shortfall, 1),
            "detail": self.detail,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of them lie; the nearest one, no interpolation."""
    if not values:
        raise NothingMeasured("there are no times to take a percentile of")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
