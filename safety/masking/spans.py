"""Stretches of bytes that have to be masked, and how they are replaced."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

MASK = "[masked]"


class MaskingError(Exception):
    """Masking failed, so nothing may be shown; the caller withholds the text."""


class NotInTime(MaskingError):
    """Masking goes on although the step's deadline is long over; what is left is withheld."""


def without_end() -> None:
    """For a search that may take as long as it takes."""


class Span(NamedTuple):
    """Bytes `start` to `end` to be masked; `kind` is empty for a known value.

    found_at: where the match begins that told so, such as the name before a password (-1: at `start`);
    open: whether the end is not in sight yet.
    """

    start: int
    end: int
    kind: str = ""
    found_at: int = -1
    open: bool = False

    @property
    def evidence(self) -> int:
        """The first byte that is needed to find this again."""
        return self.start if self.found_at < 0 else self.found_at


def merge(spans: Iterable[Span]) -> list[Span]:
    """Sorted, disjoint spans over the same bytes; of two overlapping ones the longer names the kind."""
    merged: list[Span] = []
    for span in sorted(spans):
        last = merged[-1] if merged else span
        if span.start >= last.end or last is span:
            merged.append(span)
            continue
        kind = last.kind if last.end - last.start >= span.end - span.start else span.kind
        is_open = (span if span.end >= last.end else last).open
        evidence = min(last.evidence, span.evidence)
        merged[-1] = Span(last.start, max(last.end, span.end), kind, evidence, is_open)
    return merged


def replace(data: bytes, spans: Sequence[Span]) -> bytes:
    """`data` with each of the disjoint, sorted spans replaced by its mask, such as `[masked:email]`."""
    if not spans:
        return data
    parts: list[bytes] = []
    position = 0
    for span in spans:
        mask = f"[masked:{span.kind}]" if span.kind else MASK
        parts += (data[position : span.start], mask.encode())
        position = span.end
    parts.append(data[position:])
    return b"".join(parts)


def fails_closed(masking: Callable[P, R]) -> Callable[P, R]:
    """Turn any error into MaskingError, without the text and the chain that the original may carry."""

    @wraps(masking)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return masking(*args, **kwargs)
        except MaskingError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be shown
            failure = type(error).__name__
        raise MaskingError(f"masking failed: {failure}")

    return guarded
