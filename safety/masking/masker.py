"""Masks known values and what looks like a secret, in text, structures and streams."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from safety.masking.addresses import ADDRESSES
from safety.masking.colours import through_colours
from safety.masking.encodings import COMFORTABLE, SHORTEST, forms_of
from safety.masking.exact import ExactValues
from safety.masking.keyblocks import key_blocks
from safety.masking.patterns import TABLE
from safety.masking.patternset import PatternSet
from safety.masking.rules import Rule, RuleSet
from safety.masking.sequences import may_hold_sequences
from safety.masking.spans import (
    MASK,
    MaskingError,
    NotInTime,
    Span,
    fails_closed,
    merge,
    replace,
    without_end,
)
from safety.secrets.values import SecretValue, is_reference

if TYPE_CHECKING:
    from safety.masking.stream import StreamMasker

_SENSITIVE_KEY = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|credentials?|api[_-]?key|apikey|private[_-]?key"
    r"|access[_-]?key|authorization|cookie)s?$",
    re.IGNORECASE,
)
# Above this many bytes a text is masked in blocks.
LARGE = 262_144
# How long masking may go on after the step's deadline, seconds; what is left then is withheld.
OVERTIME_S = 5.0
_NOTHING = ExactValues(frozenset())


class Finder(Protocol):
    """What a masker looks for besides known values and built-in patterns. Equal only to itself."""

    def spans(self, data: bytes, in_time: Callable[[], None] = without_end) -> Iterator[Span]:
        """Where something has to be masked, in any order; spans may overlap.

        in_time: called now and then; raises NotInTime to end the search.
        """


class Masker:
    """Every secret of one step, all patterns, and a tenant's rules. Safe to use from several threads.

    Values of 1 to 3 characters are masked only where they stand alone, as written (anywhere else they would
    hide ordinary text), those of 4 and 5 everywhere; both leave a sentence in `warnings`. `hits` counts what
    was masked. Once wiped it refuses to mask. `deadline` (time.monotonic()) is that of the step: after it, streams are
    masked for OVERTIME_S seconds of work at most.
    """

    def __init__(self, *, ip_addresses: bool = False, rules: RuleSet | None = None) -> None:
        self.hits = 0
        self.warnings: list[str] = []
        addresses = (ADDRESSES,) if ip_addresses else ()
        self.added: tuple[Finder, ...] = addresses if rules is None else (*addresses, rules)
        self._guard = threading.Lock()
        self._forms: set[bytes] = set()
        self._values: ExactValues | None = _NOTHING
        self.is_wiped = False
        self.deadline = float("inf")
        self._overtime_s = 0.0

    def add(self, value: str | bytes, *, name: str = "") -> None:
        """Mask `value` from now on, in all its encodings and, if it has several lines, line by line."""
        raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
        shown = name or "a secret"
        if len(raw) < SHORTEST:
            self._add_word(raw.strip(), shown)
            return
        if len(raw) < COMFORTABLE:
            self.warnings.append(
                f"{shown} is shorter than {COMFORTABLE} characters; harmless text may be masked"
            )
        with self._guard:
            self._forms |= forms_of(raw)
            self._values = None

    def _add_word(self, raw: bytes, shown: str) -> None:
        if not raw:
            return
        self.warnings.append(
            f"{shown} is shorter than {SHORTEST} characters; it is masked only where it stands alone"
        )
        with self._guard:
            self.added += (RuleSet([_alone(raw)]),)

    @property
    def values(self) -> ExactValues:
        """What was added, ready to be searched for."""
        with self._guard:
            if self.is_wiped:
                raise MaskingError("the masker was wiped")
            if self._values is None:
                self._values = ExactValues(frozenset(self._forms))
            return self._values

    def spans(self, data: bytes) -> list[Span]:
        """What has to be masked in `data`: sorted, disjoint."""
        return find_spans(data, (self.values,), self.added)

    def spans_in_time(self, data: bytes) -> list[Span]:
        """As `spans`, of a piece of a stream. Raises NotInTime when too much was worked after the deadline."""
        if self._overtime_s > OVERTIME_S:
            raise NotInTime("not masked in time")
        counts_from = max(time.monotonic(), self.deadline)
        ends_at = counts_from + OVERTIME_S - self._overtime_s

        def in_time() -> None:
            if time.monotonic() > ends_at:
                raise NotInTime("not masked in time")

        try:
            return find_spans(data, (self.values,), self.added, in_time)
        finally:
            self._overtime_s += max(0.0, time.monotonic() - counts_from)

    @fails_closed
    def raw(self, data: bytes) -> bytes:
        """`data` with every secret masked. Raises MaskingError."""
        if len(data) > LARGE:
            stream = self.stream()  # works in blocks, so no input can make it slower than linear
            return stream.feed(data) + stream.flush()
        spans = self.spans(data)
        self.count(len(spans))
        return replace(data, spans)

    @fails_closed
    def text(self, text: str) -> str:
        """`text` with every secret masked. Raises MaskingError."""
        raw = text.encode("utf-8", "surrogatepass")
        masked = self.raw(raw)
        return text if masked == raw else decode(masked)

    @fails_closed
    def data(self, value: Any) -> Any:
        """A JSON-like structure with every secret masked, keys too, and whole under a telling key.

        Raises MaskingError.
        """
        return self._data(value, whole=False)

    def _data(self, value: Any, *, whole: bool) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            return self._mapping(value, whole=whole)
        if isinstance(value, list | tuple):
            parts = [self._data(part, whole=whole) for part in value]
            return parts if isinstance(value, list) else tuple(parts)
        if isinstance(value, Set):
            return {self._data(part, whole=whole) for part in value}
        if whole or isinstance(value, SecretValue):
            self.count(1)
            return MASK
        if isinstance(value, bytes | bytearray):
            return self.raw(bytes(value))
        text = str(value)
        masked = self.text(text)
        return value if masked == text and not isinstance(value, str) else masked

    def _mapping(self, value: Mapping[Any, Any], *, whole: bool) -> dict[Any, Any]:
        if is_reference(value):
            return dict(value)
        return {
            self._data(key, whole=False): self._data(
                part, whole=whole or (isinstance(key, str) and _SENSITIVE_KEY.search(key) is not None)
            )
            for key, part in value.items()
        }

    def stream(self) -> "StreamMasker":
        """A masker for bytes that arrive in chunks."""
        from safety.masking.stream import StreamMasker

        return StreamMasker(self)

    def count(self, hits: int) -> None:
        """Add to `hits`."""
        if hits:
            with self._guard:
                self.hits += hits

    def wipe(self) -> None:
        """Forget all values; from now on masking raises instead of letting something through."""
        with self._guard:
            self._forms.clear()
            self._values = _NOTHING
            self.added = ()
            self.is_wiped = True


def find_spans(
    data: bytes,
    known: Sequence[ExactValues],
    added: Sequence[Finder],
    in_time: Callable[[], None] = without_end,
) -> list[Span]:
    """Known values, key blocks, patterns and what is `added`, through terminal sequences: sorted, disjoint."""

    def found_in(text: bytes) -> list[Span]:
        spans = [span for values in known for span in values.spans(text)]
        spans += key_blocks(text)
        spans += built_in().spans(text)
        for finder in added:
            spans += finder.spans(text, in_time)
        return spans

    spans = found_in(data)
    if may_hold_sequences(data):
        spans += through_colours(data, found_in)
    return merge(spans) if len(spans) > 1 else spans


def _alone(raw: bytes) -> Rule:
    """A rule for a value that is no part of a longer word."""
    quoted = "".join(f"\\x{byte:02x}" for byte in raw)
    before = r"\b" if raw[:1].isalnum() else ""
    after = r"\b" if raw[-1:].isalnum() else ""
    return Rule("", f"{before}{quoted}{after}")


@cache
def built_in() -> PatternSet:
    """The patterns every masker uses, compiled once."""
    return PatternSet(TABLE)


def decode(masked: bytes) -> str:
    """Text of masked bytes, whatever the mask cut through."""
    try:
        return masked.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return masked.decode("utf-8", "replace")
