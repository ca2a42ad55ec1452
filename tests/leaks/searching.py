"""Looks for every canary in every encoding in what was gathered."""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ahocorasick_rs import BytesAhoCorasick

from tests.leaks.canaries import Canary
from tests.leaks.encodings import needles

_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Place:
    """Something that was written down somewhere. `kind`: such as `database`; `name`: where exactly."""

    kind: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Hit:
    """A canary where it must not be."""

    canary: str
    encoding: str
    place: str


@dataclass
class Found:
    """What a search came to."""

    places: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    decoys: set[str] = field(default_factory=set)  # kinds of places in which the decoy was seen


def search(places: Iterable[Place], canaries: Iterable[Canary], decoy: Canary) -> Found:
    """Every hit, and the kinds of places in which the decoy, which lies everywhere on purpose, was found."""
    wanted = [
        (needle, canary, encoding)
        for canary in (*canaries, decoy)
        for value in canary.looked_for
        for encoding, forms in needles(value).items()
        for needle in sorted(forms)
    ]
    automaton = BytesAhoCorasick([needle for needle, _, _ in wanted])
    found, seen = Found(), set()
    for place in places:
        found.places[place.kind] = found.places.get(place.kind, 0) + 1
        found.bytes[place.kind] = found.bytes.get(place.kind, 0) + len(place.content)
        for content in _readings(place):
            for index, _, _ in automaton.find_matches_as_indexes(content, overlapping=True):
                _, canary, encoding = wanted[index]
                if canary is decoy:
                    found.decoys.add(place.kind)
                elif place.kind not in canary.at_home:
                    seen.add(Hit(canary.name, encoding, f"{place.kind}: {place.name}"))
    found.hits = sorted(seen, key=lambda hit: (hit.place, hit.canary, hit.encoding))
    return found


def _readings(place: Place) -> Iterator[bytes]:
    """As it is, as a terminal shows it, and as a browser does."""
    yield place.content
    if b"\x1b[" in place.content:
        yield _COLOUR.sub(b"", place.content)
    if place.kind == "pages":
        text = place.content.decode(errors="replace")
        yield html.unescape(text).encode()
        yield html.unescape(_TAG.sub("", text)).encode()
