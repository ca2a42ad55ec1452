"""How fast output is masked on one core, beside thirteen plain `re` patterns on the same text."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from executions.benchmark.figures import NothingMeasured
from safety.masking import Masker

VALUES = 50
ONE_IN = 100  # lines that hold a secret
CHUNK = 65_536  # bytes
LINES = 40_000
PLAIN = (
    b"2026-01-02T03:04:05.678Z INFO web-01 nginx[1234]: 10.0.0.1 - GET /api/v1/items?id=12345 200 5123 rt=0.012\n",
    b"Jan 02 03:04:05 web-01 sshd[812]: Failed password for root from 10.1.2.3 port 51234 ssh2\n",
    b"[ 12.345678] systemd[1]: Started Session 12 of user deploy.\n",
    b"ok: [web-01] => (item=nginx) changed=false rc=0 lines=3 commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b\n",
)
# What is often done instead: one substitution after the other, in no encoding and for no known value.
THIRTEEN = tuple(
    re.compile(pattern)
    for pattern in (
        rb"(?i)(?:password|passwd|pwd)[\"']?\s*[:=]\s*[\"']?([^\s\"']+)",
        rb"(?i)api[_-]?key[\"']?\s*[:=]\s*[\"']?([\w-]{16,})",
        rb"(?i)(?:bearer|token|authorization)[\"']?\s*[:=]?\s*[\"']?([\w.~+/-]{16,}=*)",
        rb"\bAKIA[0-9A-Z]{16}\b",
        rb"(?i)aws[_-]?secret[_-]?access[_-]?key[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9/+=]{40})",
        rb"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----",
        rb"ssh-(?:rsa|ed25519|dss)\s+[A-Za-z0-9+/=]{40,}",
        rb"[a-z][a-z0-9+]*://[^\s:/@]+:([^\s@]+)@",
        rb"\b[\w.%+-]+@[\w.-]+\.[A-Za-z]{2,}\b",
        rb"\b(?:\d[ -]?){13,16}\b",
        rb"\b\d{3}-\d{2}-\d{4}\b",
        rb"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        rb"(?i)secret[\"']?\s*[:=]\s*[\"']?([^\s\"']{8,})",
    )
)


@dataclass(frozen=True)
class MaskingSpeed:
    """Per second of one core's time."""

    lines: float
    megabytes: float


def masking(seconds: float, *, ip_addresses: bool) -> MaskingSpeed:
    """Mask log lines in pieces of 64 KiB, with fifty known values and every pattern (IP addresses if asked for).

    Raises NothingMeasured when a value came through.
    """
    values = [secrets.token_urlsafe(24) for _ in range(VALUES)]
    masker = Masker(ip_addresses=ip_addresses)
    for value in values:
        masker.add(value)
    text = _text(values)
    masked = _masked(masker, text)
    if masked.count(b"[masked]") < LINES // ONE_IN or any(v.encode() in masked for v in values):
        raise NothingMeasured("masking let a value through")
    return _speed(seconds, len(text), lambda: _masked(masker, text))


def plain_patterns(seconds: float) -> MaskingSpeed:
    """Substitute the thirteen patterns in the same kind of text, in the same pieces."""
    text = _text([secrets.token_urlsafe(24) for _ in range(VALUES)])

    def substituted() -> None:
        for at in range(0, len(text), CHUNK):
            piece = text[at : at + CHUNK]
            for pattern in THIRTEEN:
                piece = pattern.sub(b"[masked]", piece)

    return _speed(seconds, len(text), substituted)


def _speed(seconds: float, size: int, once: Callable[[], object]) -> MaskingSpeed:
    rounds, began = 0, time.thread_time()
    while (took := time.thread_time() - began) < seconds or not rounds:
        once()
        rounds += 1
    return MaskingSpeed(rounds * LINES / took, rounds * size / took / 1e6)


def _text(values: list[str]) -> bytes:
    return b"".join(_line(number, values) for number in range(LINES))


def _masked(masker: Masker, text: bytes) -> bytes:
    stream = masker.stream()
    pieces = [stream.feed(text[at : at + CHUNK]) for at in range(0, len(text), CHUNK)]
    return b"".join([*pieces, stream.flush()])


def _line(number: int, values: list[str]) -> bytes:
    if number % ONE_IN == 0:
        return f"login of deploy with {values[number // ONE_IN % VALUES]} accepted\n".encode()
    return PLAIN[number % len(PLAIN)]
