"""Private key blocks, which run over many lines and may still be open at the end of what was read."""

import re
from collections.abc import Iterator

from safety.masking.spans import Span

# A block without an end is masked this far: longer than any key in use (RSA 16384 has 13 KB in PEM).
LONGEST_BLOCK = 65536

# PEM (RFC 7468), OpenPGP armor (RFC 4880 section 6.2), SSH2 (RFC 4716), PuTTY .ppk
_BEGIN = re.compile(rb"-{4,5} ?BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-Lines: \d{1,4}\b")
_END = re.compile(
    rb"-{4,5} ?END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-(?:MAC|Hash): [0-9a-f]+"
)
# How much of the end of a text may be a marker that is not complete.
MARKER = 64


def key_blocks(data: bytes) -> Iterator[Span]:
    """Private key blocks in `data`; the last is open when its end is not there yet."""
    if b"PRIVATE KEY" not in data and b"Private-Lines" not in data:
        return
    position = 0
    while begin := _BEGIN.search(data, position):
        limit = begin.start() + LONGEST_BLOCK
        end = _END.search(data, begin.end(), limit)
        position = end.end() if end else min(limit, len(data))
        yield Span(begin.start(), position, "private_key", open=end is None and len(data) < limit)


def may_end_block(data: bytes) -> bool:
    """Whether the end of a block is in `data`."""
    return _END.search(data) is not None
