"""Finds what a page would show in one piece although terminal sequences stand between."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from safety.masking.sequences import SEQUENCE, unfinished_at
from safety.masking.spans import Span


class Shown:
    """`data` without its sequences, as a page shows it, and where each byte of that stands in `data`."""

    def __init__(self, data: bytes) -> None:
        self._cuts = [found.span() for found in SEQUENCE.finditer(data)]
        # Where a sequence begins that may go on after the end of `data`.
        self.unfinished = unfinished_at(data, self._cuts[-1] if self._cuts else None)
        self._starts = [0, *(end for _, end in self._cuts)]
        ends = [*(start for start, _ in self._cuts), len(data)]
        pieces = [data[start:end] for start, end in zip(self._starts, ends, strict=True)]
        # Where each piece begins in the text without sequences.
        self._begins = [0, *accumulate(map(len, pieces))]
        self.text = b"".join(pieces)

    @property
    def settled(self) -> bytes:
        """The text as far as no unfinished sequence can change it."""
        piece = bisect_right(self._starts, self.unfinished) - 1
        return self.text[: self._begins[piece] + max(0, self.unfinished - self._starts[piece])]

    @property
    def has_sequences(self) -> bool:
        """Whether anything was taken out at all."""
        return bool(self._cuts)

    def at(self, position: int) -> int:
        """Where the byte at `position` of the text stands in `data`."""
        # The last piece that begins at or before it and is not empty.
        piece = bisect_right(self._begins, position) - 1
        piece = min(piece, len(self._starts) - 1)
        return self._starts[piece] + position - self._begins[piece]

    def behind(self, position: int) -> int:
        """The place in `data` right behind the byte before `position` of the text."""
        return self.at(position - 1) + 1 if position else 0

    def outside(self, at: int) -> int:
        """The same place in `data`, or the beginning of the sequence that it lies within."""
        index = bisect_left(self._cuts, (at, 0)) - 1
        return self._cuts[index][0] if index >= 0 and at < self._cuts[index][1] else at


def through_colours(data: bytes, search: Callable[[bytes], Iterable[Span]]) -> Iterator[Span]:
    """What `search` finds in `data` without its sequences, as spans of `data` that hold them too."""
    shown = Shown(data)
    if not shown.has_sequences:
        return
    for span in search(shown.text):
        yield span._replace(
            start=shown.at(span.start), end=shown.at(span.end - 1) + 1, found_at=shown.at(span.evidence)
        )
