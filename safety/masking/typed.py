"""What people type into reasons and comments, without what looks like a secret."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from safety.masking.live import mask_values
from safety.masking.masker import Masker
from safety.masking.spans import MaskingError
from safety.secrets.written import WRITTEN

WITHHELD = "[withheld: masking failed]"
NOTICE = "What looked like a secret was not stored."

# Letters and symbols by their category, and yet nothing to see: the fillers of Hangul, the blank of Braille; and what
# stands for a character that was lost.
_BLANK = frozenset("\ufffd\u115f\u1160\u2800\u3164\uffa0")
_UNSEEN = ("C", "Z", "M")  # controls and formats; spaces; marks, which are nothing without a letter


@dataclass
class Noticed:
    """Whether something typed was changed by masking."""

    masked: bool = False


_noticed: ContextVar[Noticed | None] = ContextVar("masking_of_what_was_typed", default=None)


@contextmanager
def noticing() -> Iterator[Noticed]:
    """See whether what somebody types within is changed by masking, so that they can be told."""
    seen = Noticed()
    token = _noticed.set(seen)
    try:
        yield seen
    finally:
        _noticed.reset(token)


def mask_typed(text: str) -> str:
    """`text` with every value in use in this process, and whatever looks like a secret, masked.

    That is what masking finds in output, and what would be refused as a literal secret in a plan. A secret that
    looks like any other word and is not in use here is not recognised.
    """
    # Neither a NUL nor half a character is what the database stores.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    try:
        masker = Masker()
        masker.added = (WRITTEN,)
        masked = masker.text(mask_values(text))
    except MaskingError:
        masked = WITHHELD
    seen = _noticed.get()
    if seen is not None and masked != text:
        seen.masked = True
    return masked


def words_of(text: str) -> str:
    """What somebody gave as a reason: masked, without space around it, and empty where nothing of it can be seen."""
    masked = mask_typed(text).strip()
    seen = (one not in _BLANK and unicodedata.category(one)[0] not in _UNSEEN for one in masked)
    return masked if any(seen) else ""
