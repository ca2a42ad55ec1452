"""Output made to be slow to mask is masked in time linear in its length, and no further than the deadline allows."""

import random
import time

import pytest

from safety.masking import Masker, NotInTime, patternset
from safety.masking import masker as masking
from safety.masking.exact import MOST_COMPARED, ExactValues
from safety.masking.numbers import numbers, run_of_digits
from safety.masking.rules import LARGEST, LARGEST_SET, Rule, RuleSet, check, size_of

CARD = b"4111 1111 1111 1111"


def found(data: bytes) -> list[bytes]:
    return [data[start:end] for start, end, _ in numbers(data, 0, len(data))]


@pytest.mark.parametrize("between", [b" ", b"\n", b", ", b"|", b"-"])
def test_a_run_of_digits_costs_one_question_not_one_for_each_number(
    between: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    once = run_of_digits

    def counted(data: bytes, at: int) -> int:
        asked.append(at)
        return once(data, at)

    monkeypatch.setattr(patternset, "run_of_digits", counted)
    groups = random.Random(7)
    data = between.join(
        b"%04d %016d" % (groups.randrange(10**4), groups.randrange(10**16)) for _ in range(3000)
    )
    Masker().raw(data)
    assert 0 < len(asked) < 30


def test_numbers_within_a_run_are_found_and_so_is_what_begins_with_its_last_digits() -> None:
    text = b"1234 5678 " + CARD + b" 9999 123-45-6789 4111111111111111 12345@example.org"
    masked = Masker().raw(text)
    assert masked == (b"1234 5678 [masked:credit_card] 9999 [masked:ssn] [masked:credit_card] [masked:email]")
    assert found(b"4111 " + CARD) == [CARD]
    assert Masker().raw(CARD) == b"[masked:credit_card]"
    assert Masker().raw(b"x" + CARD) == b"x" + CARD


def test_looking_for_the_beginning_of_a_value_compares_a_bounded_number_of_bytes() -> None:
    compared = 0

    class Counted(bytes):
        def __getitem__(self, key: slice) -> bytes:  # type: ignore[override]
            nonlocal compared
            compared += len(range(*key.indices(len(self))))
            return super().__getitem__(key)

    for length in (1000, 4000):
        compared = 0
        values = ExactValues(frozenset({b"ab" * (length // 2) + b"c"}))
        opened = values.open_at(Counted(b"ab" * (length // 2 - 20) + b"a" + b"ab" * 15 + b"x" + b"ab" * 4))
        assert compared < (MOST_COMPARED + 40) * length
        assert length // 2 < compared
        assert opened <= length


def test_a_beginning_that_is_too_dear_to_tell_is_taken_for_one() -> None:
    value = b"ab" * 500 + b"c"
    data = b"ab" * 480 + b"x"
    opened = ExactValues(frozenset({value})).open_at(data)
    assert 0 < opened < len(data)
    assert ExactValues(frozenset({value})).open_at(b"ordinary text " + value[:300]) == 14


def test_after_the_deadline_masking_stops_when_its_overtime_is_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masking, "OVERTIME_S", 0.0)
    masker = Masker()
    stream = masker.stream()
    assert stream.feed(b"before\n" * 100_000)
    masker.deadline = time.monotonic()
    assert stream.feed(b"in overtime\n")
    with pytest.raises(NotInTime):
        stream.feed(b"too late\n")
    with pytest.raises(NotInTime):
        masker.stream().feed(b"the other stream\n")
    assert (
        masker.text("what is said of it password=hunter22") == "what is said of it password=[masked:password]"
    )


def test_the_slowest_rules_that_are_taken_end_within_the_overtime_too_not_after_their_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = [f"[a-q][^u-z]{{140}}x{number}" for number in range(LARGEST_SET * 2 // LARGEST)]
    for pattern in slow:
        check(pattern)
    assert LARGEST_SET < sum(map(size_of, slow)) <= LARGEST_SET * 2  # a tenant's own and those for all
    made = random.Random(1)
    block = "".join(made.choices("abcdefghijklmnopqrst ", k=65_536)).encode()
    masker = Masker(rules=RuleSet([Rule("slow", pattern) for pattern in slow]))
    monkeypatch.setattr(masking, "OVERTIME_S", 0.05)
    masker.deadline = time.monotonic()
    with pytest.raises(NotInTime):
        masker.stream().feed(block)
