"""Card and social security numbers. A run of digits is read once, however many numbers it could hold."""

import re
from collections.abc import Iterator

from safety.masking.plausible import card, ssn

# Digits and what may stand between two numbers, or within one, and begins nothing else.
_RUN = re.compile(rb"[0-9 \t\r\n,;|-]*[0-9]")
_DIGITS = b"0123456789"
_CARD = re.compile(
    rb"(?<![\w.])(?=[2-6])(?=(\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19})(?!\w))"
)
_SSN = re.compile(rb"(?<!\w)\d{3}-\d{2}-\d{4}(?!\w)")


def run_of_digits(data: bytes, at: int) -> int:
    """Where the run of digits that begins at `at` ends."""
    run = _RUN.match(data, at)
    return run.end() if run else at


def last_group(data: bytes, start: int, end: int) -> int:
    """Where the last digits of a run begin: something else may begin there, such as an address."""
    return start + len(data[start:end].rstrip(_DIGITS))


def numbers(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each number in a run of digits; cards may overlap."""
    for found in _CARD.finditer(data, start, min(end + 1, len(data))):
        if card(found[1]):
            yield *found.span(1), "credit_card"
    for found in _SSN.finditer(data, start, min(end + 1, len(data))):
        if ssn(found[0]):
            yield *found.span(), "ssn"
