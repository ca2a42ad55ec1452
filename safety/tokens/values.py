"""What a token looks like: `opsc_`, a public part to find it by, and 256 random bits."""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

PREFIX_BYTES: Final = 6
SECRET_BYTES: Final = 32
MARK: Final = "opsc_"
# Also in safety/masking/patterns.py, so that a token in output or in a log line is masked.
_VALUE = re.compile(r"opsc_([0-9a-f]{12})_[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Made:
    """A new token: its value, which nobody can get back later, and what is kept of it."""

    value: str
    prefix: str
    digest: str

    def __repr__(self) -> str:
        return f"Made({self.prefix})"


def make() -> Made:
    """A token that nobody has."""
    prefix = secrets.token_hex(PREFIX_BYTES)
    value = f"{MARK}{prefix}_{secrets.token_hex(SECRET_BYTES)}"
    return Made(value, prefix, digest_of(value))


def digest_of(value: str) -> str:
    """SHA-256. Nobody guesses 256 random bits, so that a slow hash would protect nothing more."""
    return sha256(value.encode()).hexdigest()


def prefix_of(value: str) -> str:
    """The public part; empty when this is no token."""
    found = _VALUE.fullmatch(value)
    return found[1] if found else ""
