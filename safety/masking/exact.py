"""Finds known values in bytes, in time linear in the length of both."""

from bisect import bisect_left
from functools import cached_property

from ahocorasick_rs import BytesAhoCorasick

from safety.masking.spans import Span, merge

# How many bytes go into one search: bounds the list of matches, not the result.
BLOCK = 65536
HEAD = 3
NEAR = 16
# How many times its longest value's length a set compares to tell where a value may have begun.
MOST_COMPARED = 8


class ExactValues:
    """An unchanging set of byte strings to look for. Its `repr` shows none of them."""

    def __init__(self, forms: frozenset[bytes]) -> None:
        self.forms = forms
        self.longest = max(map(len, forms), default=0)
        self._automaton = BytesAhoCorasick(sorted(forms)) if forms else None

    def __repr__(self) -> str:
        return f"<ExactValues: {len(self.forms)} forms>"

    def spans(self, data: bytes) -> list[Span]:
        """Where values stand; overlapping and touching ones are joined."""
        step = max(BLOCK, 4 * self.longest)
        if len(data) <= step:
            return self._block_spans(data, 0)
        spans: list[Span] = []
        for offset in range(0, len(data), step):
            spans += self._block_spans(data[offset : offset + step + self.longest], offset)
        return merge(spans)

    def _block_spans(self, block: bytes, offset: int) -> list[Span]:
        if self._automaton is None:
            return []
        joined: list[Span] = []
        # Ordered by end, so a later match may begin before the last span does.
        for _, start, end in self._automaton.find_matches_as_indexes(block, overlapping=True):
            low, high = start + offset, end + offset
            while joined and joined[-1].end >= low:
                low = min(low, joined.pop().start)
            joined.append(Span(low, high))
        return joined

    def open_at(self, data: bytes) -> int:
        """Where the earliest value begins that `data` may end in the middle of; its length when none does.

        Compares at most MOST_COMPARED times the longest value's bytes; after that it takes the next possible
        beginning for one, so that data that repeats beginnings of values is held back a little more.
        """
        size = len(data)
        heads, ordered, left = self._heads, self._ordered, MOST_COMPARED * self.longest
        for start in range(max(0, size - self.longest + 1), size):
            if data[start : start + HEAD] not in heads:
                continue
            near = data[start : start + NEAR]
            if not _begins_one(near, ordered):
                continue
            if left < 0:
                return start
            left -= size - start
            if len(near) == size - start or _begins_one(data[start:], ordered):
                return start
        return size

    @cached_property
    def _ordered(self) -> list[bytes]:
        return sorted(self.forms)

    @cached_property
    def _heads(self) -> frozenset[bytes]:
        return frozenset(form[:length] for form in self.forms for length in range(1, HEAD + 1))


def _begins_one(rest: bytes, ordered: list[bytes]) -> bool:
    index = bisect_left(ordered, rest)
    return index < len(ordered) and ordered[index].startswith(rest)
