"""Promises about known values: whatever the form, whatever the border, they are not there afterwards."""

import base64
import html
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.masking import MASK, Masker, MaskingError
from safety.secrets.values import SecretValue

CANARY = "c4N/ry+ö'\"& \\zé$9"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 unpadded": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 one off": lambda text: base64.b64encode(f"u{text}!".encode()).decode(),
    "base64 two off": lambda text: base64.b64encode(f"us{text}!!".encode()).decode(),
    "basic auth": lambda text: base64.b64encode(f"admin:{text}".encode()).decode(),
    "base64 url": lambda text: base64.urlsafe_b64encode(f"ab{text}".encode()).decode(),
    "url": lambda text: quote(text, safe=""),
    "url path": quote,
    "form": quote_plus,
    "url lower": lambda text: re.sub("%..", lambda escape: escape.group().lower(), quote(text, safe="")),
    "json": lambda text: json.dumps(text)[1:-1],
    "json unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json twice": lambda text: json.dumps(json.dumps(text))[3:-3],
    "shell": shlex.quote,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "repr": repr,
    "bytes repr": lambda text: repr(text.encode()),
    "html": html.escape,
    "powershell": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
}


def masker_of(*values: str) -> Masker:
    masker = Masker()
    for value in values:
        masker.add(value)
    return masker


def longest_leak(shown: str, encoded: str) -> int:
    """Length of the longest piece of `encoded` that stands in `shown`."""
    for length in range(len(encoded), 0, -1):
        if any(encoded[at : at + length] in shown for at in range(len(encoded) - length + 1)):
            return length
    return 0


@pytest.mark.parametrize("form", ENCODINGS)
def test_a_known_value_is_masked_in_every_encoding(form: str) -> None:
    encoded = ENCODINGS[form](CANARY)
    core = (
        encoded[8:-4] if "base64" in form or form in ("basic auth", "powershell") else encoded.strip("b'\"")
    )

    shown = masker_of(CANARY).text(f"before {encoded} after")

    assert MASK in shown
    assert core not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@given(
    value=st.text(min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6 and MASK not in text),
    form=st.sampled_from(sorted(ENCODINGS)),
)
@settings(max_examples=300, deadline=None)
def test_any_value_in_any_encoding_leaves_less_than_a_few_characters(value: str, form: str) -> None:
    encoded = ENCODINGS[form](value)

    shown = masker_of(value).raw(encoded.encode())

    inner = encoded.encode()
    assert inner not in shown or inner.decode() in MASK
    assert longest_leak(shown.replace(MASK.encode(), b"\0").decode("utf-8", "replace"), encoded) <= 12


@given(
    value=st.binary(min_size=6, max_size=64).filter(lambda raw: len(raw.strip()) >= 6),
    before=st.binary(max_size=30),
    after=st.binary(max_size=30),
)
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_text_are_masked_too(value: bytes, before: bytes, after: bytes) -> None:
    masker = Masker()
    masker.add(value)

    shown = masker.raw(before + b" " + value + b" " + after)

    assert value not in shown.replace(MASK.encode(), b"")


def test_of_two_overlapping_values_nothing_remains() -> None:
    assert masker_of("abcdefgh", "efghijklmnop").text("<abcdefghijklmnop>") == f"<{MASK}>"


def test_a_long_value_is_masked_whole_in_text_and_base64() -> None:
    value = "".join(f"{number:06d}-" for number in range(3000))

    masker = masker_of(value)

    assert masker.text(value) == MASK
    assert len(masker.text(base64.b64encode(value.encode()).decode())) < 30
    assert masker.values.longest < 4096


def test_a_value_of_several_lines_is_masked_line_by_line_and_in_wrapped_base64() -> None:
    value = "first-secret-line\n  second-secret-line\r\n\nthird-secret-line-that-is-longer-than-the-others"
    masker = masker_of(value)
    wrapped = base64.encodebytes(value.encode()).decode()

    assert "secret" not in masker.text("a first-secret-line b second-secret-line")
    assert not any(line and line in masker.text(wrapped) for line in wrapped.splitlines())


@pytest.mark.parametrize(
    ("value", "shown", "warned"), [("", "x", 0), ("abc", MASK, 1), ("$1", MASK, 1), ("abcde", MASK, 1)]
)
def test_short_values_follow_the_documented_rule(value: str, shown: str, warned: int) -> None:
    masker = Masker()
    masker.add(value, name="vault:kv/acme/pin")

    assert masker.text(value or "x") == shown
    assert len(masker.warnings) == warned
    assert all("vault:kv/acme/pin" in warning and "abc" not in warning for warning in masker.warnings)


def test_structures_are_masked_through_and_through() -> None:
    masker = masker_of("hunter2-long", "48151623")

    shown = masker.data(
        {
            "args": ["--x=hunter2-long", ("hunter2-long", 48151623, 7, None, True)],
            "password": "anything",
            "nested": {"api_key": ["a", {"b": "c"}], "hunter2-long": 1.5},
            "raw": b"hunter2-long",
            "value": SecretValue("whatever"),
            "web": {"secret": "vault:kv/acme/web#password"},
        }
    )

    assert shown == {
        "args": [f"--x={MASK}", (MASK, MASK, 7, None, True)],
        "password": MASK,
        "nested": {"api_key": [MASK, {"b": MASK}], MASK: 1.5},
        "raw": MASK.encode(),
        "value": MASK,
        "web": {"secret": "vault:kv/acme/web#password"},
    }


def test_masking_fails_closed_and_says_nothing_of_the_text() -> None:
    nested: list[object] = []
    nested.append(nested)

    with pytest.raises(MaskingError, match=r"^masking failed: RecursionError$") as failure:
        Masker().data(nested)

    assert failure.value.__context__ is None
    assert failure.value.__cause__ is None


def test_a_wiped_masker_refuses_rather_than_letting_through() -> None:
    masker = masker_of("hunter2-long")
    stream = masker.stream()
    masker.wipe()

    for attempt in (lambda: masker.text("x"), lambda: masker.data(["x"]), lambda: stream.feed(b"x\n")):
        with pytest.raises(MaskingError):
            attempt()


def test_hits_are_counted_and_values_are_in_no_repr() -> None:
    masker = masker_of("hunter2-long")

    masker.text("hunter2-long and hunter2-long")

    assert masker.hits == 2
    assert "hunter" not in repr(masker) + repr(masker.values)


def test_text_that_needs_no_masking_comes_back_as_it_was() -> None:
    text = "nothing here: \ud800 \x00 ünïcode"

    assert masker_of("hunter2-long").text(text) is text
