"""Tells a random key from words, hashes and paths, by the characters alone."""

import math
import re
from base64 import b64decode
from binascii import Error
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import re2

SHORTEST = 20  # characters
LEAST_BITS = 3.5  # Shannon entropy of one character; twenty random base-62 characters have about 4.1
LEAST_CHANGES = (
    0.27  # of neighbours are of another kind, a capital before a small letter aside: 0.45 in random text
)
LEAST_RUN = 8  # characters between signs such as - and /
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{20,4096}")
# Long and random-looking in public: digests, public keys, certificates, signatures of packages.
_PUBLIC = re2.compile(
    r"(?si)-----BEGIN (?:[A-Z]+ )?(?:CERTIFICATE|PUBLIC KEY(?: BLOCK)?)-----.*?-----END [A-Z ]+-----"
    r"|(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) AAAA[A-Za-z0-9+/=]+"
    r"|\b(?:sha(?:1|224|256|384|512)|md5|h1)[-:][A-Za-z0-9+/=_-]+",
)
_SEPARATORS = re.compile(r"[+/_=-]+")
_KINDS = (str.islower, str.isupper, str.isdigit)
_CAPITALISED = (1, 0)


def holds_random_token(text: str) -> bool:
    """Whether a part of the text looks like a generated key: twenty or more characters of all kinds, mixed at random.

    Hexadecimal digests, UUIDs, image digests, fingerprints, paths, identifiers, public keys and the base64 form
    of readable text do not. Nor do generated keys that consist of small letters and digits only.
    """
    return len(text) >= SHORTEST and _any_random(text) and _any_random(_PUBLIC.sub(" ", text))


def random_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every part of the text that looks like a generated key."""
    if len(text) < SHORTEST or not _any_random(text):
        return
    for found in _TOKEN.finditer(_PUBLIC.sub(lambda public: " " * len(public.group()), text)):
        if _is_random(found.group()):
            yield found.span()


def _any_random(text: str) -> bool:
    return any(_is_random(found.group()) for found in _TOKEN.finditer(text))


def _is_random(token: str) -> bool:
    bare = [char for char in token if char.isalnum()]
    if len(bare) < SHORTEST or bits_per_character("".join(bare)) < LEAST_BITS:
        return False
    longest = max(_SEPARATORS.split(token), key=len)
    kinds = [next(number for number, kind in enumerate(_KINDS) if kind(char)) for char in longest]
    if len(longest) < LEAST_RUN or len(set(kinds)) < len(_KINDS):
        return False
    pairs = list(pairwise(kinds))
    changes = sum(left != right and (left, right) != _CAPITALISED for left, right in pairs)
    return changes / len(pairs) >= LEAST_CHANGES and not _is_readable(token)


def bits_per_character(text: str) -> float:
    """Shannon's entropy of the text, over its own characters."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _is_readable(token: str) -> bool:
    """Whether it is the base64 form of plain text, such as a configuration file."""
    try:
        raw = b64decode(token + "=" * (-len(token) % 4), altchars=b"-_" if set(token) & set("-_") else None)
    except (Error, ValueError):
        return False
    return len(raw) > 8 and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in raw)
