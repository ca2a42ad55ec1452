"""Patterns that people add to the built-in ones, checked before they count and searched for in linear time."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import re2

from safety.masking.addresses import KIND as IP_ADDRESS
from safety.masking.ordinary import SAMPLE
from safety.masking.patterns import TABLE
from safety.masking.plausible import says_nothing
from safety.masking.spans import Span, without_end

LONGEST_PATTERN = 500  # characters
# Instructions of compiled patterns: at worst, each costs some nanoseconds for each byte that is masked.
LARGEST = 500  # of one rule
LARGEST_SET = 1000  # of one tenant's rules together, and of those for all tenants
MOST_HIDDEN = 0.25  # of ordinary output
# How much of a line is looked at at once, so that no pattern can make a long line slow; and what two looks share:
# whatever tells a match (all of it but a long end) lies within so many bytes.
SEGMENT = 2048
SHARED = 512
# A match that goes on beyond its look is followed up to here.
LONGEST_MATCH = 65_536
KIND = re.compile(r"[a-z][a-z_]{0,29}")
BUILT_IN = frozenset(pattern.kind for pattern in TABLE) | {"private_key", IP_ADDRESS}

_ONE_PROGRAM = 256 << 10  # bytes that one compiled pattern may take
_ALL_PROGRAMS = 16 << 20
_ORDINARY = (b"started", b"ok", b"the", b"2026")
_PROBES = (b"", b"a", b" ", b"-", b"a b", b"0.5: x")


class BadRule(ValueError):
    """The pattern cannot be a rule; the message says why and what to write."""


@dataclass(frozen=True)
class Rule:
    """A pattern in RE2 syntax; what its first group that took part matched (without groups: all) is masked.

    kind: the word in `[masked:kind]`; empty for `[masked]`.
    """

    kind: str
    pattern: str


def check(pattern: str) -> None:
    """Raises BadRule when the pattern is no RE2 syntax, too large, or would mask nothing or nearly everything."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadRule(f"at most {LONGEST_PATTERN} characters; split it into several rules")
    if set(pattern) & set("\n\r\0"):
        raise BadRule("a rule is looked for within one line; take out the line break")
    if re.search(r"\[[^\]]*[^\x00-\x7f]", pattern):
        raise BadRule(r"only ASCII characters inside [...]; \S takes any other, too")
    program = _compiled(pattern)
    if program.programsize > LARGEST:
        raise BadRule(
            f"it is too large to look for quickly ({program.programsize} parts, at most {LARGEST}); shorten "
            "repetitions such as {400}"
        )
    if program.groupindex:
        raise BadRule("groups with names are not taken; write (...) for what is to be masked")
    if any(found.start() == found.end() for found in map(program.search, _PROBES) if found):
        raise BadRule("it also matches nothing at all; let it demand at least one character")
    if all(program.search(word) for word in _ORDINARY):
        raise BadRule("it matches every ordinary word; add what stands before or around the secret")
    hidden = sum(span.end - span.start for span in RuleSet([Rule("rule", pattern)]).spans(SAMPLE)) / len(
        SAMPLE
    )
    if hidden > MOST_HIDDEN:
        raise BadRule(
            f"it would hide {hidden:.0%} of what commands print every day; add what stands before or around the secret"
        )


def size_of(pattern: str) -> int:
    """The instructions of the compiled pattern. Raises BadRule when it does not compile."""
    return int(_compiled(pattern).programsize)


class RuleSet:
    """An unchanging set of rules. Text in which none matches is read once, whatever their number.

    Raises BadRule when one of them does not compile.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._each = [(rule.kind, _compiled(rule.pattern)) for rule in rules]
        together = "|".join(_within(rule.pattern) for rule in rules)
        self._any = _program(together, _ALL_PROGRAMS, captures=False)

    def spans(self, data: bytes, in_time: Callable[[], None] = without_end) -> Iterator[Span]:
        """Where rules match, in no particular order; they may overlap. `in_time` may raise to end it."""
        done = [0] * len(self._each)  # up to where each rule has masked already
        for start, end in _segments(data):
            in_time()
            if self._any.search(data, start, end) is None:
                continue
            for index, (kind, program) in enumerate(self._each):
                in_time()
                for span in _found(program, kind, data, max(start, done[index]), end):
                    done[index] = max(done[index], span.end)
                    yield span


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Stretches of whole lines; of a longer line overlapping pieces."""
    start, size = 0, len(data)
    while start < size:
        end = min(start + SEGMENT, size)
        line = data.rfind(b"\n", start, end) + 1
        if end < size and line > start:
            end = line
        yield start, end
        whole = end == size or data[end - 1] == 10  # "\n"
        start = end if whole else end - SHARED


def _found(program: "re2._Regexp", kind: str, data: bytes, start: int, end: int) -> Iterator[Span]:
    while start < end and (match := program.search(data, start, end)):
        if match.end() == end < len(data) and data[end - 1] != 10:
            match = program.search(data, match.start(), match.start() + LONGEST_MATCH) or match
        groups = (match.span(group) for group in range(1, program.groups + 1))
        low, high = next((span for span in groups if span[0] >= 0), match.span())
        if low < high and not says_nothing(data[low:high]):
            yield Span(low, high, kind, match.start())
        start = max(match.end(), match.start() + 1)


def _compiled(pattern: str) -> "re2._Regexp":
    return _program(_within(pattern), _ONE_PROGRAM, captures=True)


def _within(pattern: str) -> str:
    return f"(?m:{pattern})"


def _program(regex: str, memory: int, *, captures: bool) -> "re2._Regexp":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, valid UTF-8 or not
    options.never_nl = True  # within one line
    options.never_capture = not captures
    options.max_mem = memory
    options.log_errors = False
    try:
        return re2.compile(regex.encode(), options=options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args else "not RE2 syntax"
        raise BadRule(f"RE2 does not take it: {reason.replace('(?m:', '', 1)[:150]}") from None
