"""Promises about rules that people add: refused when they make no sense, linear whatever they say, never in the way."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.masking import Masker
from safety.masking.rules import LONGEST_MATCH, LONGEST_PATTERN, BadRule, Rule, RuleSet, check
from safety.masking.trial import tried


def masker_with(*patterns: str, ip_addresses: bool = False) -> Masker:
    rules = RuleSet([Rule("rule", pattern) for pattern in patterns])
    return Masker(ip_addresses=ip_addresses, rules=rules)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("x*", "matches nothing at all"),
        (r"\b", "matches nothing at all"),
        ("foo|$", "matches nothing at all"),
        ("", "matches nothing at all"),
        ("(", "missing )"),
        (r"\Qabc", "missing )"),
        ("a(?=b)", "invalid perl operator"),
        (r"(a)\1", "invalid escape"),
        ("a{1001}", "invalid repetition"),
        (r"(?:(?:[a-z]{30}x){30}y){2}(?:\pL{100})", "RE2 does not take it"),
        ("(?P<name>abc)", "names"),
        ("[äö]bc", "only ASCII"),
        ("one\ntwo", "line break"),
        (r"\w+", "every ordinary word"),
        (".", "every ordinary word"),
        ("[^ ]{3,}", "it would hide 79% of what commands print"),
        ("[a-q][^u-z]{400}x", "1206 parts, at most 500"),
        ("a" * (LONGEST_PATTERN + 1), "at most"),
    ],
)
def test_what_would_mask_nothing_or_everything_or_does_not_compile_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(BadRule, match=why.replace(")", r"\)")) as refused:
        check(pattern)
    assert "(?m:" not in str(refused.value)


@pytest.mark.parametrize(
    "pattern", [r"\bCUST-\d{6}\b", r"badge: (\S+)", "(?i)kennung für ([0-9a-f]+)", r"^secret .*$"]
)
def test_a_rule_that_makes_sense_is_taken(pattern: str) -> None:
    check(pattern)


def test_the_first_group_that_took_part_is_masked_and_without_groups_the_whole_match() -> None:
    masker = masker_with(r"badge: (\S+)|card (\S+)", r"CUST-\d+")
    assert (
        masker.text("badge: 77/a, card xy9 of CUST-123.")
        == "badge: [masked:rule] card [masked:rule] of [masked:rule]."
    )


def test_what_is_masked_already_and_what_says_nothing_stays() -> None:
    masker = masker_with(r"badge: (\S+)")
    once = masker.text("badge: 77a\nbadge: ---\nbadge: ***")
    assert once == "badge: [masked:rule]\nbadge: [masked:rule]\nbadge: ***"
    assert masker.text(once) == once


def test_a_line_is_the_horizon_and_its_ends_can_be_named() -> None:
    masker = masker_with(r"^id=(.*)$", r"(?s)begin.*end", r"a[^x]*z")
    text = "an id=1 stays\nid=two words\nbegin\nend\na\nz"
    assert masker.text(text) == "an id=1 stays\nid=[masked:rule]\nbegin\nend\na\nz"


def test_a_rule_that_overlaps_a_known_value_leaves_nothing_of_either() -> None:
    masker = masker_with(r"CUST-\d+")
    masker.add("9-tail-of-it")
    assert masker.text("x CUST-1239-tail-of-it y") == "x [masked] y"


@given(
    st.lists(
        st.sampled_from([b"\n", b"word ", b"x" * 700, b"badge: s3cr3t-9 ", b"CUST-123456,", b"\xff\xfe"]),
        max_size=60,
    ),
    st.lists(st.integers(1, 4000), min_size=1, max_size=8),
)
@settings(max_examples=150, deadline=None)
def test_no_chunking_and_no_long_line_lets_a_match_through(pieces: list[bytes], sizes: list[int]) -> None:
    data, stream = b"".join(pieces), masker_with(r"badge: (\S+)", r"CUST-\d{6}").stream()
    shown, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        shown.append(stream.feed(data[at : at + size]))
        at, turn = at + size, turn + 1
    everything = b"".join([*shown, stream.flush()])
    assert b"s3cr3t" not in everything
    assert b"CUST-1" not in everything


@pytest.mark.parametrize("place", [0, 2040, 2047, 4090, 9000, 65_000, 150_000])
def test_a_match_in_a_line_of_200_kib_is_found_anywhere(place: int) -> None:
    line = b"y" * place + b" badge: " + b"s3" * 300 + b" " + b"y" * (204_800 - place)
    stream = masker_with(r"badge: (\S+)").stream()
    shown = stream.feed(line) + stream.flush()
    assert b"s3" not in shown
    assert b"badge: [masked:rule] y" in shown


def test_a_value_longer_than_one_look_is_masked_to_its_end() -> None:
    value = b"s3" * (LONGEST_MATCH // 4)
    shown = masker_with(r"badge: (\S+)").raw(b"badge: " + value + b" and on\nnext\n")
    assert shown == b"badge: [masked:rule] and on\nnext\n"


@pytest.mark.parametrize(
    ("pattern", "hostile"),
    [
        ("a.*z|a", b"a"),
        (r"a\w*!|\w", b"a"),
        (r"x(?:a?){50}a{50}", b"xa"),
        (r"(a|ab)(c|bcd)(d*)", b"abcd"),
        (r"k=(\S+)", b"k="),
    ],
)
def test_four_times_the_input_takes_about_four_times_as_long_whatever_the_rule(
    pattern: str, hostile: bytes
) -> None:
    masker = masker_with(pattern)

    def seconds(size: int) -> float:
        stream, data = masker.stream(), hostile * (size // len(hostile))
        began = time.thread_time()
        stream.feed(data)
        stream.flush()
        return time.thread_time() - began

    seconds(1000)
    once = min(seconds(20_000) for _ in range(2))
    assert seconds(80_000) < 12 * once + 0.5


def test_a_trial_shows_what_the_rule_and_what_the_built_in_patterns_would_mask() -> None:
    trial = tried(
        "customer", r"CUST-\d+", "CUST-12 has password=hunter22\r\nfrom 10.1.2.3", ip_addresses=False
    )
    assert [(piece.text, piece.by_rule) for piece in trial.pieces if piece.kind] == [
        ("CUST-12", True),
        ("hunter22", False),
    ]
    assert trial.masked == "[masked:customer] has password=[masked:password]\nfrom 10.1.2.3"
    assert "".join(piece.text for piece in trial.pieces) == trial.sample.replace("\r\n", "\n")
    assert (trial.by_rule, trial.by_others) == (1, 1)
    assert "[masked:ip_address]" in tried("c", "CUST", "from 10.1.2.3", ip_addresses=True).masked
