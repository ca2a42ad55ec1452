"""Masks bytes that arrive in chunks, right across their borders and in bounded memory."""

from safety.masking.colours import Shown
from safety.masking.keyblocks import MARKER, may_end_block
from safety.masking.masker import Masker
from safety.masking.sequences import may_hold_sequences
from safety.masking.spans import MaskingError, Span, fails_closed, replace

# A line that is not complete is held back up to here, then given out but for its tail.
LONGEST_LINE = 8192
# What is kept of a longer line: more than any pattern needs to be recognised.
TAIL = 4096
# A match that goes on growing (a key block, one huge value) is held back up to here.
LONGEST_MATCH = 65536
# Chunks are worked off in pieces of this size.
BLOCK = 65536


class StreamMasker:
    """Takes raw bytes, gives masked bytes that are safe to store.

    Keeps nothing but the raw bytes it holds back, at most 1.5 * LONGEST_MATCH + BLOCK, so the number of bytes
    fed minus `pending` is always a raw offset from which a new StreamMasker goes on as this one would. Known
    values never pass, wherever the borders are. Of what only a pattern finds up to LONGEST_MATCH bytes are
    masked, however long the line. A carriage return ends a line too. Nothing is cut within a terminal sequence.
    Not for use by two threads at once.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = bytearray()
        self._next_look = LONGEST_LINE
        self._in_key = False

    @property
    def pending(self) -> int:
        """Raw bytes held back: fed, but not in anything given out so far."""
        return len(self._held)

    @fails_closed
    def feed(self, chunk: bytes) -> bytes:
        """Masked bytes that became final with this chunk, perhaps none. Raises MaskingError."""
        return b"".join(self._take(chunk[at : at + BLOCK]) for at in range(0, len(chunk), BLOCK))

    @fails_closed
    def flush(self) -> bytes:
        """Masked, what was held back: nothing more will come. Raises MaskingError."""
        data = bytes(self._held)
        spans = self._masker.spans_in_time(data)
        self._masker.count(len(spans))
        masked = replace(data, spans)
        self._keep(b"", [])
        return masked

    def _take(self, piece: bytes) -> bytes:
        before = len(self._held)
        self._held += piece
        if not self._worth_a_look(piece, before):
            return b""
        data = bytes(self._held)
        spans = self._masker.spans_in_time(data)
        cut = self._cut(data, spans)
        final = [span if span.end <= cut else span._replace(end=cut) for span in spans if span.start < cut]
        self._masker.count(len(final))
        self._keep(data[cut:], spans)
        return replace(data[:cut], final)

    def _worth_a_look(self, piece: bytes, before: int) -> bool:
        """Not for every byte: looking at what is held each time would make long lines quadratic."""
        if len(self._held) >= self._next_look:
            return True
        if self._in_key:
            return may_end_block(bytes(self._held[max(0, before - MARKER) :]))
        return b"\n" in piece or b"\r" in piece

    def _keep(self, rest: bytes, spans: list[Span]) -> None:
        self._held = bytearray(rest)
        self._in_key = bool(rest and spans and spans[-1].open)
        self._next_look = max(LONGEST_LINE, len(rest) * 3 // 2)

    def _cut(self, data: bytes, spans: list[Span]) -> int:
        """Up to where nothing can change any more, and no match is cut in two."""
        size = len(data)
        wanted, opening = self._wanted(data)
        cut = _before_matches(wanted, spans, size)
        if size - cut <= LONGEST_MATCH:
            return cut
        if size - opening > LONGEST_MATCH:
            raise MaskingError("a value is stretched by more terminal sequences than are held back")
        # A match longer than the bound: given out as far as it goes, masked.
        giant = next(span for span in spans if _parts(wanted, span, size))
        return min(max(giant.end, wanted), opening)

    def _wanted(self, data: bytes) -> tuple[int, int]:
        """Where to cut if no pattern matched there, and what may have begun that has to stay in one piece."""
        size = len(data)
        opening, tail = self._masker.values.open_at(data), size - TAIL
        line = _lines_end(data)
        if may_hold_sequences(data):
            shown = Shown(data)
            started = self._masker.values.open_at(shown.settled)
            opening = min(opening, shown.at(started) if started < len(shown.settled) else shown.unfinished)
            line, tail = shown.behind(_lines_end(shown.settled)), shown.outside(tail)
        return min(line if size - line <= LONGEST_LINE else tail, opening), opening


def _lines_end(data: bytes) -> int:
    """Behind the last line that is complete."""
    return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1


def _before_matches(cut: int, spans: list[Span], size: int) -> int:
    for span in reversed(spans):
        if _parts(cut, span, size):
            cut = span.evidence
        elif span.end <= cut:
            break  # and so do all before it
    return cut


def _parts(cut: int, span: Span, size: int) -> bool:
    """Whether a cut would part the match, or part it from what may still belong to it."""
    return span.evidence < cut and (cut < span.end or (span.open and span.end == size))
