"""Whether a result is what the step expects; a non-zero exit is a failure unless the plan says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import re2

from executions.connectors.base import Result


@dataclass(frozen=True)
class Unmet:
    """An expectation that was not met: a stable word, and a sentence."""

    category: str
    detail: str


def unmet(expect: Mapping[str, Any], result: Result, stdout: str) -> Unmet | None:
    """The first expectation that the result does not meet; None when it meets all."""
    if result.exit_code is not None and result.exit_code not in (wanted := expect.get("exit_codes", [0])):
        return Unmet("exit_code", _exit_sentence(result.exit_code, wanted))
    if result.status_code is not None and not _is_wanted_status(result.status_code, expect.get("status")):
        return Unmet("http_status", f"answered with HTTP status {result.status_code}")
    if (pattern := expect.get("output")) and not re2.search(pattern, stdout):
        return Unmet("output", "the output does not match expect.output")
    if (pattern := expect.get("not_output")) and re2.search(pattern, stdout):
        return Unmet("output", "the output matches expect.not_output")
    return None


def _exit_sentence(code: int, wanted: list[int]) -> str:
    ended = f"was ended by signal {code - 128}" if 128 < code < 160 else f"exited with {code}"
    return f"{ended}; expected {' or '.join(map(str, wanted))}"


def _is_wanted_status(status: int, wanted: list[int] | None) -> bool:
    return status in wanted if wanted else 200 <= status < 300
