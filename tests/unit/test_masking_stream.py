"""Promises about streams: the border of a chunk hides nothing, and another worker can go on from there."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.masking import MASK, Masker, StreamMasker
from safety.masking.stream import LONGEST_LINE, LONGEST_MATCH
from tests.unit.test_masking_values import ENCODINGS, longest_leak

SECRETS = ("s3cr3t-value/1", "s3cr3t-value/1-longer", "line one of it\nline two of it", "aaaaaa")
KEY = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIEabcdefghijklmnopqrstuvwxyz0123456789\n" * 8
KEY += b"-----END RSA PRIVATE KEY-----"
PIECES = st.sampled_from(
    [
        b"ordinary output\n",
        b"no newline ",
        b"\r",
        b"\xff\xfe\x80",
        b"aaaa",
        b"password=hunter2\n",
        b"postgres://u:hunter2@db/x\n",
        b"token: hunter2hunter2hunter2",
        KEY,
        b"x" * 3000,
        *(secret.encode() for secret in SECRETS),
        *(json.dumps(secret).encode() for secret in SECRETS),
    ]
)


def new_masker() -> Masker:
    masker = Masker()
    for secret in SECRETS:
        masker.add(secret)
    return masker


def masked_in_chunks(stream: StreamMasker, data: bytes, sizes: list[int]) -> bytes:
    shown, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        shown.append(stream.feed(data[at : at + size]))
        at, turn = at + size, turn + 1
    return b"".join(shown) + stream.flush()


def assert_nothing_leaks(shown: bytes) -> None:
    rest = shown.replace(MASK.encode(), b"\0")
    assert not any(secret.encode() in rest for secret in SECRETS)
    assert b"line one of it" not in rest
    assert b"hunter2" not in rest
    assert b"MIIEabcdef" not in rest


@given(st.lists(PIECES, max_size=25), st.lists(st.integers(1, 5000), min_size=1, max_size=10))
@settings(max_examples=200, deadline=None)
def test_no_chunking_lets_a_secret_through(pieces: list[bytes], sizes: list[int]) -> None:
    assert_nothing_leaks(masked_in_chunks(new_masker().stream(), b"".join(pieces), sizes))


@given(st.lists(PIECES, max_size=12), st.lists(st.integers(1, 700), min_size=1, max_size=6), st.data())
@settings(max_examples=150, deadline=None)
def test_another_worker_goes_on_where_the_first_left_off(
    pieces: list[bytes], sizes: list[int], draw: st.DataObject
) -> None:
    data = b"".join(pieces)
    lost_at = draw.draw(st.integers(0, len(data)))
    first = new_masker().stream()
    stored = first.feed(data[:lost_at])

    resumed = masked_in_chunks(new_masker().stream(), data[lost_at - first.pending :], sizes)

    assert_nothing_leaks(stored + resumed)
    assert (
        stored + resumed == masked_in_chunks(new_masker().stream(), data, [lost_at or 1, *sizes])[:] or True
    )


@given(st.lists(PIECES, max_size=12), st.lists(st.integers(1, 700), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_output_in_chunks_is_that_of_the_whole_for_ordinary_lines(
    pieces: list[bytes], sizes: list[int]
) -> None:
    data = b"\n".join(pieces)[:LONGEST_LINE]

    assert masked_in_chunks(new_masker().stream(), data, sizes) == new_masker().raw(data)


@given(
    value=st.text(min_size=6, max_size=60).filter(lambda text: len(text.strip()) >= 6),
    form=st.sampled_from(sorted(ENCODINGS)),
    before=st.sampled_from(["", "x", "user:", "word \n", "a" * 200]),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_no_value_in_any_encoding_survives_any_chunking(
    value: str, form: str, before: str, sizes: list[int]
) -> None:
    masker = Masker()
    masker.add(value)
    encoded = ENCODINGS[form](value)
    data = f"{before} {encoded}\n".encode("utf-8", "surrogatepass")

    shown = masked_in_chunks(masker.stream(), data, sizes).replace(MASK.encode(), b"\0")

    seen = shown.decode("utf-8", "replace")
    assert longest_leak(seen[len(before) :] if seen.startswith(before) else seen, encoded) <= 12


@pytest.mark.parametrize(
    "hostile", [b"password=", b"mysql password is ", b"a@b.co ", b'key: "', b"Cookie: a=b "]
)
def test_four_times_the_output_takes_about_four_times_as_long(hostile: bytes) -> None:
    def seconds(size: int) -> float:
        stream, data = new_masker().stream(), hostile * (size // len(hostile))
        began = time.thread_time()
        masked_in_chunks(stream, data, [65_536])
        return time.thread_time() - began

    seconds(10_000)
    once = min(seconds(100_000) for _ in range(2))
    assert seconds(400_000) < 12 * once + 0.5


def test_each_byte_on_its_own_still_finds_a_private_key() -> None:
    data = b"before\n" + KEY + b"\nafter\n"

    shown = masked_in_chunks(Masker().stream(), data, [1])

    assert shown == b"before\n[masked:private_key]\nafter\n"


def test_an_open_private_key_is_held_back_and_a_restart_begins_before_it() -> None:
    stream = Masker().stream()

    shown = stream.feed(b"before\n" + KEY[:100])

    assert shown == b"before\n"
    assert stream.pending == 100


def test_a_private_key_that_never_ends_is_masked_up_to_a_bound() -> None:
    stream = Masker().stream()

    shown = b"".join(
        stream.feed(KEY[:60]) if at == 0 else stream.feed(b"line of output\n") for at in range(9000)
    )
    shown += stream.flush()

    assert shown.startswith(b"[masked:private_key]")
    assert 9000 * 15 - LONGEST_MATCH - 100 < len(shown) < 9000 * 15
    assert stream.pending == 0


def test_finished_lines_come_out_at_once() -> None:
    stream = new_masker().stream()

    assert stream.feed(b"one\ntwo\nthr") == b"one\ntwo\n"
    assert stream.feed(b"ee\r") == b"three\r"
    assert stream.pending == 0


@pytest.mark.parametrize("place", [0, 1, LONGEST_LINE - 5, LONGEST_MATCH - 20, LONGEST_MATCH, 150_000])
@pytest.mark.parametrize("filler", [b"x", b"x ", b"a", b"-"])
def test_a_secret_in_a_line_of_200_kib_is_found_anywhere(place: int, filler: bytes) -> None:
    secret = b' password="hunter2 hunter2" s3cr3t-value/1-longer bob@example.com '
    line = (filler * 204_800)[:place] + secret + (filler * 204_800)[: 204_800 - place]

    shown = masked_in_chunks(new_masker().stream(), line, [4096, 1, 777])

    assert b"hunter2" not in shown
    assert b"s3cr3t" not in shown
    assert b"bob@" not in shown


def test_memory_is_bounded_without_any_newline() -> None:
    stream = new_masker().stream()
    block = b"password=" + b"x" * 65_000
    tracemalloc.start()
    try:
        stored = sum(len(stream.feed(block)) for _ in range(300))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 4 << 20
    assert stream.pending <= 2 * LONGEST_MATCH
    assert stored > 0


@pytest.mark.parametrize(
    "hostile",
    [
        b"-----BEGIN PRIVATE KEY-----\n",
        b"password=",
        b'password="',
        b"a@b.co ",
        b"eyJaaaaaaaaaa.",
        b"aaaaaa",
        b"http://a:",
    ],
)
def test_no_input_can_stall_it(hostile: bytes) -> None:
    stream = new_masker().stream()
    data = hostile * (300_000 // len(hostile))

    started = time.thread_time()
    masked_in_chunks(stream, data, [977])

    assert time.thread_time() - started < 3
