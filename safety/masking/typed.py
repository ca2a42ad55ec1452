"""What people type into reasons and comments, without what looks like a secret."""

from safety.masking.live import mask_values
from safety.masking.masker import Masker
from safety.masking.spans import MaskingError

WITHHELD = "[withheld: masking failed]"


def mask_typed(text: str) -> str:
    """`text` with every value in use in this process, and whatever looks like a secret, masked.

    A secret that looks like any other word and is not in use here is not recognised.
    """
    try:
        return Masker().text(mask_values(text))
    except MaskingError:
        return WITHHELD
