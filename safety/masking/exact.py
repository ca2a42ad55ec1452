"""Finds known values in bytes, in time linear in the length of both."""

from bisect import bisect_right
from functools import cached_property

from ahocorasick_rs import BytesAhoCorasick

from safety.masking.spans import Span, merge

# How many bytes go into one search: bounds the list of matches, not the result.
BLOCK = 65536
HEAD = 3


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
        """Where the earliest value begins that `data` may end in the middle of; its length when none does."""
        size = len(data)
        heads, ordered = self._heads, self._ordered
        for start in range(max(0, size - self.longest + 1), size):
            if data[start : start + HEAD] not in heads:
                continue
            rest = data[start:]
            index = bisect_right(ordered, rest)
            if index < len(ordered) and ordered[index].startswith(rest):
                return start
        return size

    @cached_property
    def _ordered(self) -> list[bytes]:
        return sorted(self.forms)

    @cached_property
    def _heads(self) -> frozenset[bytes]:
        return frozenset(form[:length] for form in self.forms for length in range(1, HEAD + 1))
