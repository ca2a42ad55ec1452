"""What people type into reasons keeps its sense and loses what looks like a secret."""

import pytest

from safety.masking import Masker, live
from safety.masking.typed import mask_typed


def test_a_reason_keeps_its_words_and_loses_its_password() -> None:
    assert mask_typed("wrong host, 12 of them; ask Tom") == "wrong host, 12 of them; ask Tom"
    masked = mask_typed("it said password=hunter2hunter for web-1")
    assert masked.startswith("it said password=[masked")
    assert masked.endswith(" for web-1")


def test_a_value_in_use_in_this_process_is_masked_whatever_it_looks_like() -> None:
    masker = Masker()
    masker.add("zebra crossing")
    live.register(masker)
    try:
        assert mask_typed("saw a zebra crossing") == "saw a [masked]"
    finally:
        live.retire(masker)
        live._lingering.clear()


def test_a_long_text_is_masked_too() -> None:
    masked = mask_typed("x" * 300_000 + " password=hunter2hunter")
    assert "hunter2hunter" not in masked
    assert len(masked) > 300_000


@pytest.mark.parametrize(
    ("secret", "around"),
    [
        ("q7Rf2LxV9sKd4TzB8mWc3Hn", "used {} for the switch"),
        ("q7Rf2LxV9sKd4TzB8mWc3Hn", "Schlüssel – {}, größer"),
        ("hunter2hunter", "called with STORE_KEY={} by hand"),
    ],
)
def test_what_a_plan_may_not_hold_is_masked_and_the_words_around_it_stay(secret: str, around: str) -> None:
    before, _, after = around.partition("{}")
    masked = mask_typed(around.format(secret))
    assert masked.startswith(before + "[masked:")
    assert masked.endswith("]" + after)
    assert secret not in masked


@pytest.mark.parametrize(
    "reason",
    [
        "ticket OPS-1234, host web-01.example.com, release 2026.11.25-rc1",
        "back to commit 3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9",
        "run 3f2504e0-4f89-11d3-9a0c-0305e82c3301 hangs, see https://wiki.example.com/Runbooks/WebFrontendV2",
        "web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 is the wrong image",
        "host key is SHA256:uNiVztksCsDhcc0u9e8BrVXZYbDm3HzkQ3rXo0Jt9aQ since the rebuild",
    ],
)
def test_an_ordinary_reason_stays(reason: str) -> None:
    assert mask_typed(reason) == reason


def test_a_masked_reason_stays_as_it_is() -> None:
    masked = mask_typed("used q7Rf2LxV9sKd4TzB8mWc3Hn and password=hunter2hunter")
    assert mask_typed(masked) == masked
