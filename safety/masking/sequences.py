"""The one table of terminal sequences: what a page leaves out of output is what masking looks through.

ECMA-48, 5th edition: control sequences (CSI), strings (OSC, DCS, SOS, PM, APC), and other escapes, among them those
that choose a character set. Each in the form with ESC and as one C1 character.
"""

import re

ESCAPE = b"\x1b"
LONGEST_STRING = 4096  # characters of one string that are skipped as a whole, ended or not
# Parameters and intermediate characters; what has more of them is no sequence, but text.
_PARAMETERS, _BETWEEN = "[0-?]{0,256}", "[ -/]{0,16}"


class Table:
    """The regular expressions of all sequences, as pieces of a larger one; text and UTF-8 write C1 differently."""

    def __init__(self, *, c1: str, inner: str, end: str) -> None:
        opened = rf"(?:\x1b\[|{c1}\x9b){_PARAMETERS}{_BETWEEN}"
        self.csi = rf"{opened}[@-~]"
        self.string_open = rf"(?:\x1b[\]PX^_]|{c1}[\x90\x98\x9d-\x9f]){inner}{{0,{LONGEST_STRING}}}"
        self.string = rf"{self.string_open}(?:\x07|\x1b\\|{end})?"
        self.escape = rf"\x1b{_BETWEEN}[0-~]"
        self.unfinished = rf"{opened}|\x1b{_BETWEEN}"
        self.any = f"{self.csi}|{self.string}|{self.escape}"


TEXT = Table(c1="", inner=r"[^\x07\x1b\x9c]", end=r"\x9c")
# One character of what UTF-8 may hold, a broken one too.
_CHARACTER = (
    r"(?:[^\x07\x1b\xc2-\xf4]|(?!\xc2\x9c)[\xc2-\xdf][\x80-\xbf]?"
    r"|[\xe0-\xef][\x80-\xbf]{0,2}|[\xf0-\xf4][\x80-\xbf]{0,3})"
)
UTF8 = Table(c1=r"\xc2", inner=_CHARACTER, end=r"\xc2\x9c")

SEQUENCE = re.compile(UTF8.any.encode())
_STRING = re.compile(UTF8.string_open.encode())
_UNFINISHED = re.compile(rf"(?:{UTF8.unfinished}|\xc2)\Z".encode())
_C1 = re.compile(rb"\xc2(?:[\x90\x98\x9b\x9d-\x9f]|\Z)")
# More than an unfinished control sequence may have.
_LOOK_BACK = 300


def may_hold_sequences(data: bytes) -> bool:
    """Whether there is any reason to look for them."""
    return ESCAPE in data or (not data.isascii() and _C1.search(data) is not None)


def unfinished_at(data: bytes, last: tuple[int, int] | None) -> int:
    """Where the sequence begins that `data` ends in the middle of; its length when it does not.

    last: the last sequence in `data`. A string without an end counts as unfinished, because that may still come.
    """
    size = len(data)
    partial = _UNFINISHED.search(data, max(0, size - _LOOK_BACK))
    at = partial.start() if partial else size
    if last is not None and last[1] >= at:
        string = _STRING.match(data, last[0])
        if string and string.end() >= at:
            return last[0]
    return at
