"""How fast output is masked, with every pattern and fifty known values."""

import secrets
import time
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


@dataclass(frozen=True)
class MaskingSpeed:
    """Per second."""

    lines: float
    megabytes: float


def masking(seconds: float) -> MaskingSpeed:
    """Mask log lines in pieces of 64 KiB. Raises NothingMeasured when a value came through."""
    values = [secrets.token_urlsafe(24) for _ in range(VALUES)]
    masker = Masker()
    for value in values:
        masker.add(value)
    text = b"".join(_line(number, values) for number in range(LINES))
    lines = size = 0
    began = time.perf_counter()
    while time.perf_counter() < began + seconds:
        masked = _masked(masker, text)
        lines, size = lines + LINES, size + len(text)
    took = time.perf_counter() - began
    if not lines or masked.count(b"[masked") < LINES // ONE_IN or any(v.encode() in masked for v in values):
        raise NothingMeasured("masking let a value through")
    return MaskingSpeed(lines / took, size / took / 1e6)


def _masked(masker: Masker, text: bytes) -> bytes:
    stream = masker.stream()
    pieces = [stream.feed(text[at : at + CHUNK]) for at in range(0, len(text), CHUNK)]
    return b"".join([*pieces, stream.flush()])


def _line(number: int, values: list[str]) -> bytes:
    if number % ONE_IN == 0:
        return f"login of deploy with {values[number // ONE_IN % VALUES]} accepted\n".encode()
    return PLAIN[number % len(PLAIN)]
