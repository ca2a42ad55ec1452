"""Selectors find what their words say, and unreadable ones say why."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.plans import InventoryItem
from executions.plans.selectors import BadSelector, asset_id, is_selector, parse_selector


def item(*tags, environment="dev"):
    return InventoryItem(uuid4(), "x", environment, frozenset(tags), "ssh")


@pytest.mark.parametrize(
    ("selector", "tags", "environment", "expected"),
    [
        ("tag:web", {"web"}, "dev", True),
        ("tag:web", {"Web"}, "dev", False),
        ("env:prod", set(), "prod", True),
        ("tag:web and env:staging", {"web"}, "staging", True),
        ("tag:web and env:staging", {"web"}, "prod", False),
        ("tag:a or tag:b and tag:c", {"a"}, "dev", True),
        ("(tag:a or tag:b) and tag:c", {"a"}, "dev", False),
        ("not tag:a and tag:b", {"b"}, "dev", True),
        ("not (tag:a and tag:b)", {"a"}, "dev", True),
        ("not not tag:a", {"a"}, "dev", True),
        ("tag:role=db(tag:a)", {"a"}, "dev", None),
        ("  tag:a\tand(tag:b)  ", {"a", "b"}, "dev", True),
    ],
)
def test_words_mean_what_they_say(selector, tags, environment, expected):
    if expected is None:
        with pytest.raises(BadSelector):
            parse_selector(selector)
    else:
        assert parse_selector(selector)(item(*tags, environment=environment)) is expected


@pytest.mark.parametrize(
    "selector",
    [
        "tag:",
        "tag:a and",
        "and tag:a",
        "(tag:a",
        "tag:a)",
        "tag:a tag:b",
        "not",
        "()",
        "env:production",
        "rol:web",
        "tag:a and web-01",
        "(" * 400 + "tag:a",
        "not " * 120 + "tag:a",
        "tag:" + "a" * 500,
    ],
)
def test_an_unreadable_selector_says_why(selector):
    assert is_selector(selector)
    with pytest.raises(BadSelector, match=r"\w+"):
        parse_selector(selector)


@pytest.mark.parametrize(
    "name", ["web-01", "db.example.org", "10.0.0.1", "fe80::1", "Drucker 2. OG", "android"]
)
def test_a_name_is_no_selector(name):
    assert not is_selector(name)


def test_an_id_is_recognised_in_either_case():
    text = "0B0E2A6C-7A2B-4F51-8B1C-0123456789ab"
    assert asset_id(text) == UUID(text)
    assert asset_id("web-01") is None


@given(st.text(alphabet="tagenv:() orndweb", max_size=60))
def test_any_text_is_either_a_test_or_a_refusal(text):
    try:
        result = parse_selector(text)(item("web"))
    except BadSelector:
        return
    assert isinstance(result, bool)
