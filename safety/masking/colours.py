"""Finds what a terminal would show in one piece although colour sequences stand between."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from safety.masking.spans import Span

ESCAPE = b"\x1b"
# ECMA-48 control sequences, such as `ESC [ 31 m`, in the form that terminals get them.
_SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")


def through_colours(data: bytes, search: Callable[[bytes], Iterable[Span]]) -> Iterator[Span]:
    """What `search` finds in `data` without its control sequences, as spans of `data` that hold them too."""
    cuts = [found.span() for found in _SEQUENCE.finditer(data)]
    if not cuts:
        return
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), len(data)]
    pieces = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    # Where each piece begins in the text without sequences.
    begins = [0, *accumulate(map(len, pieces))]
    for span in search(b"".join(pieces)):
        first, last, told = (_piece(begins, at) for at in (span.start, span.end - 1, span.evidence))
        yield span._replace(
            start=starts[first] + span.start - begins[first],
            end=starts[last] + span.end - begins[last],
            found_at=starts[told] + span.evidence - begins[told],
        )


def _piece(begins: list[int], at: int) -> int:
    """The piece in which this byte lies: the last that begins at or before it and is not empty."""
    return bisect_right(begins, at) - 1
