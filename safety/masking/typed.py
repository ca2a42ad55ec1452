"""What people type into reasons and comments, without what looks like a secret."""

from safety.masking.live import mask_values
from safety.masking.masker import Masker
from safety.masking.spans import MaskingError
from safety.secrets.written import WRITTEN

WITHHELD = "[withheld: masking failed]"


def mask_typed(text: str) -> str:
    """`text` with every value in use in this process, and whatever looks like a secret, masked.

    That is what masking finds in output, and what would be refused as a literal secret in a plan. A secret that
    looks like any other word and is not in use here is not recognised.
    """
    try:
        masker = Masker()
        masker.added = (WRITTEN,)
        return masker.text(mask_values(text))
    except MaskingError:
        return WITHHELD
