"""The forms in which a known value may turn up in output."""

import base64
import html
import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_from_bytes, quote_plus

# A value shorter than this would mask ordinary words and digits everywhere; it cannot be masked at all.
SHORTEST = 4
# Below this a value is masked, but with a warning, as it may hide harmless text too.
COMFORTABLE = 6
# Longer values are looked for in overlapping pieces, which bounds how much a stream has to hold back.
PIECE = 512
OVERLAP = 32
# Line lengths of base64(1), MIME and PEM.
WRAPS = (64, 76)


def forms_of(value: bytes) -> set[bytes]:
    """Every form of `value` to look for: itself, its lines, and both in each encoding.

    Encodings: base64 (each alignment, padded or not, URL-safe, wrapped), hexadecimal, URL, JSON (also twice),
    Python repr, shell quoting, HTML, UTF-16 (as PowerShell uses). Longer values come in overlapping pieces.
    """
    forms: set[bytes] = set()
    for part in {value, value.strip(), *_lines(value)}:
        forms.update(_wrapped(part))
        for piece in _pieces(part):
            forms.update(_of_bytes(piece))
            forms.update(_of_text(piece))
    return {form for form in forms if len(form) >= SHORTEST}


def _lines(value: bytes) -> list[bytes]:
    lines = [line.strip() for line in value.splitlines()]
    return [line for line in lines if len(line) >= COMFORTABLE] if len(lines) > 1 else []


def _pieces(value: bytes) -> Iterator[bytes]:
    if len(value) <= PIECE:
        yield value
        return
    for start in range(0, len(value) - PIECE, PIECE - OVERLAP):
        yield value[start : start + PIECE]
    yield value[-PIECE:]


def _of_bytes(value: bytes) -> Iterator[bytes]:
    yield value
    yield from _base64(value)
    yield from (value.hex().encode(), value.hex().upper().encode())
    yield repr(value)[2:-1].encode()
    yield quote_from_bytes(value, safe="").encode()


def _of_text(value: bytes) -> Iterator[bytes]:
    text = value.decode("utf-8", "ignore")  # a piece may begin or end inside a character
    if not text:
        return
    for form in _text_forms(text):
        yield form.encode("utf-8", "surrogatepass")
    wide = text.encode("utf-16-le", "surrogatepass")
    yield wide
    yield from _base64(wide)


def _text_forms(text: str) -> Iterator[str]:
    escaped = json.dumps(text)[1:-1]
    for inner in (escaped, json.dumps(text, ensure_ascii=False)[1:-1], escaped.replace("/", "\\/")):
        yield from (inner, json.dumps(inner)[1:-1])
    for shown in (repr(text)[1:-1], ascii(text)[1:-1]):
        for form in (shown, shown.replace("'", "\\'")):
            yield from (form, json.dumps(form)[1:-1])
    for url in (quote(text, safe="", errors="replace"), quote(text, errors="replace")):
        yield from (url, _lower_escapes(url))
    plus = quote_plus(text, errors="replace")
    yield from (plus, _lower_escapes(plus))
    yield from (shlex.quote(text)[1:-1] if shlex.quote(text) != text else text, text.replace("'", "'\\''"))
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)
    yield re.sub(r'([\\"$`])', r"\\\1", text)
    yield html.escape(text)


def _lower_escapes(url: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), url)


def _base64(value: bytes) -> Iterator[bytes]:
    """The characters that `value` alone decides, at each alignment, and those at the end of a text."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value)
        first = (before * 8 + 5) // 6
        decided = (before + len(value)) * 8 // 6
        for form in (encoded[first:decided], encoded[first:].rstrip(b"="), encoded[first:]):
            yield form
            yield form.translate(bytes.maketrans(b"+/", b"-_"))


def _wrapped(value: bytes) -> Iterator[bytes]:
    encoded = base64.b64encode(value)
    for width in WRAPS:
        if len(encoded) > width:
            lines = (encoded[start : start + width] for start in range(0, len(encoded), width))
            yield from (line for line in lines if len(line.rstrip(b"=")) >= COMFORTABLE)
