"""The canary's draw: as many as it says, always the same, more only beside those of before, and guessed by nobody."""

import hashlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.rollout import PARTS, part_of
from safety.models import Tenant

DRAWS = 10_000
ACME, OTHER = Tenant(slug="acme"), Tenant(slug="other")
HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(DRAWS)]


@pytest.fixture
def key(settings: Any) -> Any:
    settings.SECRET_KEY = "of this installation"
    return settings


@pytest.mark.parametrize("percent", [5, 10, 20, 50])
def test_as_many_are_let_in_as_it_says(key: Any, percent: int) -> None:
    """Within five times what chance alone would spread."""
    share = percent / 100
    let_in = sum(part_of(ACME, one) < percent for one in HASHES)
    assert abs(let_in - DRAWS * share) < 5 * math.sqrt(DRAWS * share * (1 - share))


@given(plan_hash=st.text(min_size=1, max_size=64), lower=st.integers(5, 50), more=st.integers(0, 45))
def test_it_is_always_the_same_and_stays_in_at_every_higher_percentage(
    plan_hash: str, lower: int, more: int
) -> None:
    part = part_of(ACME, plan_hash)
    assert 0 <= part < PARTS
    assert part == part_of(Tenant(slug="acme", name="renamed"), plan_hash)
    if part < lower:
        assert part < lower + more


def agreeing(one: list[int], another: list[int]) -> int:
    return sum(mine == theirs for mine, theirs in zip(one, another, strict=True))


def test_who_does_not_have_the_key_of_the_installation_knows_nothing_of_it(key: Any) -> None:
    """Of two that know nothing of each other, one in a hundred agrees; 10,000 times, give or take fifty."""
    ours = [part_of(ACME, one) for one in HASHES]
    public = [
        int.from_bytes(hashlib.sha256(f"acme:{one}".encode()).digest()[:8], "big") % PARTS for one in HASHES
    ]
    others = [part_of(OTHER, one) for one in HASHES]
    key.SECRET_KEY = "of another installation"
    elsewhere = [part_of(ACME, one) for one in HASHES]
    for guess in (public, others, elsewhere):
        assert 50 < agreeing(ours, guess) < 150
