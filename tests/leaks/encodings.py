"""The eight encodings in which a leaked value is looked for; written apart from the masking that it judges."""

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

SHORTEST = 12  # bytes of a needle: shorter ones would be found by chance


def needles(value: str) -> dict[str, set[bytes]]:
    """Encoding to the byte strings that give `value` away. Either half of it, plain, counts as the value."""
    raw = value.encode()
    half = len(value) // 2
    found = {
        "plain": {raw, value[:half].encode(), value[half:].encode()},
        "base64": {_middle(raw, shift) for shift in range(3)},
        "base64url": {_middle(raw, shift).translate(bytes.maketrans(b"+/", b"-_")) for shift in range(3)},
        "hex": {raw.hex().encode(), raw.hex().upper().encode()},
        "url": {form.encode() for form in _url(value)},
        "json": {form.encode() for form in _json(value)},
        "shell": {form.encode() for form in _shell(value)},
        "utf-16 or repr": {value.encode("utf-16-le"), value.encode("utf-16-be"), *_shown(value)},
    }
    return {name: {form for form in forms if len(form) >= SHORTEST} for name, forms in found.items()}


def _middle(raw: bytes, shift: int) -> bytes:
    """The base64 characters that `raw` alone decides, after `shift` bytes of something else."""
    encoded = base64.b64encode(bytes(shift) + raw)
    return encoded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]


def _url(value: str) -> set[str]:
    forms = {quote(value, safe=""), quote(value), quote_plus(value)}
    return forms | {form.lower() for form in forms if form.lower().count("%") and value == value.lower()}


def _json(value: str) -> set[str]:
    once = json.dumps(value)[1:-1]
    return {once, once.replace("/", "\\/"), json.dumps(once)[1:-1]}


def _shell(value: str) -> set[str]:
    return {shlex.quote(value), shlex.quote(value)[1:-1], value.replace("'", "'\\''")}


def _shown(value: str) -> set[bytes]:
    return {repr(value)[1:-1].encode(), ascii(value)[1:-1].encode(), repr(value.encode())[2:-1].encode()}


ENCODINGS = tuple(needles("x" * 2 * SHORTEST))
