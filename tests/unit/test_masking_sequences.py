"""No terminal sequence that a page leaves out splits a secret for masking; page and masking use one table."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executions.cli.plain import plain
from executions.web.ansi import ansi_html
from safety.masking import Masker, MaskingError
from safety.masking.stream import LONGEST_MATCH

SECRET = "s3cret/Zurich+7k"
SEQUENCES = (
    *(
        "\x1b[31m",
        "\x9b31m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x9d0;a\x9c",
        "\x1bP+q\x1b\\",
        "\x90q\x9c",
    ),
    *(
        "\x1b(B",
        "\x1b)0",
        "\x1b%G",
        "\x1b#8",
        "\x1b=",
        "\x1b7",
        "\x1bM",
        "\x1b_x\x1b\\",
        "\x1b^x\x07",
        "\x1bXy\x1b\\",
    ),
    *("\x1b]0;two\nlines\r\x07", "\x1b]0;ümläut \u20ac\x07"),
)


def shown(masked: bytes) -> str:
    """What a page and a terminal command show of stored output, in one string."""
    text = masked.decode("utf-8", "replace")
    html = "".join(piece for _, piece in ansi_html([("stdout", text)]))
    return re.sub("<[^>]*>", "", html) + plain(text)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_a_secret_that_a_sequence_splits_is_masked_at_every_border_of_chunks(sequence: str) -> None:
    data = f"got {SECRET[:5]}{sequence}{SECRET[5:]}{sequence} now\nnext\n".encode()
    for cut in range(len(data)):
        masker = Masker()
        masker.add(SECRET)
        stream = masker.stream()
        masked = stream.feed(data[:cut]) + stream.feed(data[cut:]) + stream.flush()
        assert "got [masked] now" in shown(masked)
        assert SECRET not in shown(masked)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [SECRET, SECRET[:5], SECRET[5:], SECRET[:1], SECRET[1:], "\n", "\x1b", "\x1b[", "\x1b]"]
            ),
            st.sampled_from(SEQUENCES),
            st.text(alphabet=st.sampled_from("\x1b[]()0;m38:\x9b\x90\x07\x9c\\ü\n\r"), max_size=4),
            st.sampled_from(["x" * 5000, "y" * 9000]),
        ),
        max_size=20,
    ),
    st.lists(st.integers(1, 6000), min_size=1, max_size=6),
)
@example([SECRET[:5], "\x1b]0;", "x" * 5000, SECRET[5:]], [7])
@example([SECRET[:5], "\x1b[", "\n", SECRET[5:]], [3])
def test_whatever_stands_between_a_page_never_shows_the_secret(pieces: list[str], sizes: list[int]) -> None:
    data, masker = "".join(pieces).encode(), Masker()
    masker.add(SECRET)
    stream, masked, at, turn = masker.stream(), b"", 0, 0
    while at < len(data):
        masked += stream.feed(data[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    assert SECRET not in shown(masked + stream.flush())


def test_a_value_stretched_over_more_than_is_held_back_is_withheld() -> None:
    masker = Masker()
    masker.add(SECRET)
    with pytest.raises(MaskingError):
        masker.stream().feed(SECRET[:5].encode() + b"\x1b[0m" * LONGEST_MATCH + SECRET[5:].encode())


def test_sequences_elsewhere_stay_as_they_are() -> None:
    masker = Masker()
    masker.add(SECRET)
    text = "".join(f"{sequence}a " for sequence in SEQUENCES)
    assert masker.text(text + SECRET) == text + "[masked]"
