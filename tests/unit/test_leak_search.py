"""The hunt sees a secret in every encoding that it names, and says who was found where."""

import base64
import html
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest

from tests.leaks.canaries import Canaries, Canary, awkward, modest
from tests.leaks.encodings import ENCODINGS
from tests.leaks.searching import Found, Place, search

VALUE = awkward()
CANARY = Canary("it", "somewhere", VALUE)
DECOY = Canary("decoy", "everywhere", modest())


def found_in(content: bytes, kind: str = "database") -> Found:
    return search([Place(kind, "p", content)], [CANARY], DECOY)


FORMS = [
    ("plain", VALUE.encode()),
    ("plain", VALUE[: len(VALUE) // 2].encode()),
    ("base64", base64.b64encode(VALUE.encode())),
    ("base64", base64.b64encode(b"x" + VALUE.encode())),
    ("base64", base64.b64encode(b"xy" + VALUE.encode() + b"z")),
    ("base64url", base64.urlsafe_b64encode(VALUE.encode())),
    ("hex", VALUE.encode().hex().upper().encode()),
    ("url", quote(VALUE, safe="").encode()),
    ("url", quote_plus(VALUE).encode()),
    ("json", json.dumps({"a": VALUE}).encode()),
    ("json", json.dumps(json.dumps(VALUE)).encode()),
    ("shell", shlex.quote(VALUE).encode()),
    ("utf-16 or repr", VALUE.encode("utf-16-be")),
    ("utf-16 or repr", repr({"a": VALUE}).encode()),
]


# Processes that share the tests have to see the same names, and the value is another one in each.
@pytest.mark.parametrize(("encoding", "content"), FORMS, ids=range(len(FORMS)))
def test_every_encoding_is_seen_in_the_middle_of_other_text(encoding: str, content: bytes) -> None:
    hits = found_in(b"before " + content + b" after").hits
    assert encoding in {hit.encoding for hit in hits}
    assert {(hit.canary, hit.place) for hit in hits} == {("it", "database: p")}


def test_there_are_eight_encodings() -> None:
    assert len(ENCODINGS) == 8


def test_a_page_is_read_as_a_browser_shows_it_and_colours_are_looked_through() -> None:
    cut = len(VALUE) // 3
    page = f"<b>{html.escape(VALUE[:cut])}</b><i>{html.escape(VALUE[cut:])}</i>".encode()
    assert found_in(page, "pages").hits
    assert found_in(f"{VALUE[:cut]}\x1b[31m{VALUE[cut : 2 * cut]}\x1b[0m{VALUE[2 * cut :]}".encode()).hits


def test_nothing_is_found_where_nothing_is() -> None:
    found = found_in(b"nothing of the kind")
    assert (found.hits, found.decoys, found.bytes) == ([], set(), {"database": 19})


def test_the_decoy_is_no_hit_and_tells_that_a_kind_of_place_was_searched() -> None:
    found = found_in(DECOY.value.encode(), "process logs")
    assert (found.hits, found.decoys) == ([], {"process logs"})


def test_a_canary_without_evidence_is_told() -> None:
    canaries = Canaries.made()
    canaries.prove("stdin", "the target was given it")
    assert "stdin" not in canaries.unproven
    assert len(canaries.unproven) == len(canaries.all) - 1
