"""Keeps secrets out of everything that is stored or shown."""

from safety.masking.masker import Masker
from safety.masking.spans import MASK, MaskingError, NotInTime
from safety.masking.stream import StreamMasker

__all__ = ["MASK", "Masker", "MaskingError", "NotInTime", "StreamMasker"]
