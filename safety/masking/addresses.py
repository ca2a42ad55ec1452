"""IP addresses, which are masked only where somebody asks for it and then stand in most lines."""

import ipaddress
import re
from collections.abc import Callable, Iterator

import re2

from safety.masking.spans import Span, without_end

KIND = "ip_address"

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_FOUR = re2.compile(rf"\b(?:{_OCTET}\.){{3}}{_OCTET}\b".encode())
_WORD = re.compile(rb"\w")
# Around `::`, or between seven colons.
_SIX = re2.compile(
    rb"\b(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b|[0-9A-Fa-f:]*::[0-9A-Fa-f:]*(?:\.[0-9]{1,3})*"
)


class Addresses:
    """Finds IPv4 and IPv6 addresses (RFC 4291 section 2.2) in time linear in the text."""

    def spans(self, data: bytes, in_time: Callable[[], None] = without_end) -> Iterator[Span]:
        """Where addresses stand, in no particular order. `in_time` may raise to end it."""
        in_time()
        for match in _FOUR.finditer(data):
            start, end = match.span()
            yield Span(start, end, KIND)
        in_time()
        for match in _SIX.finditer(data):
            start, end = match.span()
            if _is_v6(data[start:end]) and _stands_alone(data, start, end):
                yield Span(start, end, KIND)


ADDRESSES = Addresses()


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    before, after = data[max(0, start - 1) : start], data[end : end + 1]
    return not (_WORD.match(before) or _WORD.match(after))


def _is_v6(found: bytes) -> bool:
    """`::` alone says nothing."""
    if found == b"::":
        return False
    try:
        ipaddress.IPv6Address(found.decode("ascii"))
    except ValueError:
        return False
    return True
