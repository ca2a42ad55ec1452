"""What people type into reasons keeps its sense and loses what looks like a secret."""

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
