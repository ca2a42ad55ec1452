"""Statements with names for parameters, as they reach PostgreSQL."""

import pytest
from django.db.utils import ProgrammingError

from safety.choices import Effect
from safety.sql import fetch, fetch_one

pytestmark = pytest.mark.usefixtures("live_db")


def test_a_name_may_stand_in_several_places_and_others_may_be_left_over() -> None:
    row = fetch_one(
        "SELECT %(one)s::int + %(one)s::int AS two, %(word)s AS word", {"word": "w", "one": 1, "more": 3}
    )
    assert row == {"two": 2, "word": "w"}


def test_a_percent_sign_is_written_twice_beside_parameters() -> None:
    assert fetch("SELECT 'abc' LIKE %(start)s || '%%' AS starts, 7 %% 4 AS rest", {"start": "a"}) == [
        {"starts": True, "rest": 3}
    ]
    assert fetch("SELECT 'abc' LIKE 'a%' AS starts") == [{"starts": True}]


def test_words_lists_and_what_postgresql_cannot_keep() -> None:
    given = {"effect": Effect.READ, "some": ["a", "b"], "nul": "a\0b", "none": None}
    row = fetch_one(
        "SELECT %(effect)s AS effect, %(some)s::text[] AS some, %(nul)s AS nul, %(none)s::int AS none", given
    )
    assert row == {"effect": "read", "some": ["a", "b"], "nul": "a␀b", "none": None}


def test_a_name_that_is_missing_is_an_error_and_an_error_is_djangos() -> None:
    with pytest.raises(KeyError, match="one"):
        fetch("SELECT %(one)s", {"two": 2})
    with pytest.raises(ProgrammingError):
        fetch("SELECT nothing_here, %(one)s", {"one": 1})
