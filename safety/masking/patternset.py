"""A linear-time search for all patterns of a table at once."""

from collections.abc import Iterator

import re2

from safety.masking.numbers import last_group, numbers, run_of_digits
from safety.masking.patterns import Pattern
from safety.masking.spans import Span

# How far back from the end of a value the name of the next is looked for, in `a=1,token: 2`.
LONGEST_NAME = 64


class PatternSet:
    """All patterns of a table as one RE2 program: text without a hit is read just once.

    Only where that program matched is asked which pattern it was, and which part of it to mask.
    """

    def __init__(self, table: tuple[Pattern, ...]) -> None:
        self._table = table
        plain = _options()
        self._each = [re2.compile(pattern.regex.encode(), options=plain) for pattern in table]
        self._which = re2.Set.FullMatchSet(plain)
        for pattern in table:
            self._which.Add(pattern.regex.encode())
        self._which.Compile()
        spans_only = _options()
        spans_only.never_capture = True
        combined = "|".join(f"(?:{pattern.regex})" for pattern in table)
        self._any = re2.compile(combined.encode(), options=spans_only)

    def spans(self, data: bytes) -> Iterator[Span]:
        """Where patterns match, from left to right; they may overlap a little."""
        position = 0
        while match := self._any.search(data, position):
            low, position = match.span()
            found = data[low:position]
            index = min(self._which.Match(found))
            pattern = self._table[index]
            start, end = _masked_part(self._each[index], found)
            if pattern.digits:
                run_end = run_of_digits(data, low + start)
                yield from (Span(*number) for number in numbers(data, low + start, run_end))
                position = max(low + 1, last_group(data, low + start, run_end))
                continue
            accepted = pattern.accept(found[start:end])
            if accepted:
                yield Span(low + start, low + end, pattern.kind, low)
            if start > 0:
                # A refused value may hold something else; one taken may end in the name of the next.
                position = low + (max(start, end - LONGEST_NAME) if accepted else start)


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, valid UTF-8 or not
    options.max_mem = 64 << 20
    options.log_errors = False
    return options


def _masked_part(program: "re2._Regexp", found: bytes) -> tuple[int, int]:
    match = program.fullmatch(found)
    groups = (match.span(group) for group in range(1, program.groups + 1))
    part: tuple[int, int] = next((span for span in groups if span[0] >= 0), match.span())
    return part
