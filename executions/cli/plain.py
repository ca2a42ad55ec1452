"""Text from elsewhere, made harmless for a terminal."""

import re

from safety.masking.sequences import TEXT

_SEQUENCE = re.compile(TEXT.any)
# Every control but tab and line feed, and the characters that turn the direction of text or are not seen.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def plain(text: str) -> str:
    """The text without terminal sequences; a carriage return ends the line, other controls become `\ufffd`."""
    text = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("\ufffd", text)


def one_line(text: str, longest: int) -> str:
    """The text in one line of at most `longest` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
