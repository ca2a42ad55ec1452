"""A terminal shows a secret in one piece although colours change within it; so it is masked in one piece."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.masking import Masker

SECRET = "s3cret/Zurich+7k"


@pytest.fixture
def masker() -> Masker:
    masker = Masker()
    masker.add(SECRET)
    return masker


@given(
    st.lists(st.integers(0, len(SECRET)), min_size=1, max_size=6),
    st.sampled_from(["0", "31", "1;38;5;9", ""]),
)
def test_a_secret_with_colours_anywhere_within_is_masked(cuts: list[int], colour: str) -> None:
    masker = Masker()
    masker.add(SECRET)
    text = SECRET
    for cut in sorted(cuts, reverse=True):
        text = f"{text[:cut]}\x1b[{colour}m{text[cut:]}"
    shown = re.sub(r"\x1b\[[0-9;]*m", "", masker.text(f"got {text} now"))
    assert shown == "got [masked] now"


def test_colours_elsewhere_stay(masker: Masker) -> None:
    assert masker.text(f"\x1b[32mok\x1b[0m {SECRET}\x1b[0m") == "\x1b[32mok\x1b[0m [masked]\x1b[0m"


def test_what_looks_like_a_secret_is_found_through_colours(masker: Masker) -> None:
    assert "hunter2hunter" not in re.sub(
        r"\x1b\[[0-9;]*m", "", masker.text("password=\x1b[1mhunter2\x1b[0mhunter")
    )


def test_a_coloured_secret_is_masked_across_the_borders_of_chunks(masker: Masker) -> None:
    coloured = f"{SECRET[:5]}\x1b[31m{SECRET[5:]}\n".encode()
    for cut in range(len(coloured)):
        stream = masker.stream()
        masked = stream.feed(coloured[:cut]) + stream.feed(coloured[cut:]) + stream.flush()
        assert masked == b"[masked]\n"
