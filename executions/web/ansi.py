"""Shows terminal output as text: colours become classes, every other control becomes visible or goes.

Sequences: those of safety.masking.sequences; hyperlinks, titles and device strings have no effect here.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from safety.masking.sequences import LONGEST_STRING, TEXT

LONGEST_SEQUENCE = LONGEST_STRING + 4  # characters, with what begins it

# What a stream consists of: sequences, as masking looks through them, single controls, and everything else.
_TOKENS = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]{0,256})m"
    rf"|(?P<sequence>{TEXT.any})"
    r"|(?P<control>[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f])"
)
_UNFINISHED = re.compile(rf"(?:\r|{TEXT.string_open}\x1b?|{TEXT.unfinished})\Z")


@dataclass(frozen=True)
class Style:
    """How the text that follows looks; colours are 0 to 15, or None for the page's own."""

    foreground: int | None = None
    background: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False

    @property
    def classes(self) -> str:
        """The CSS classes, all from a fixed list."""
        colours = (("fg", self.foreground), ("bg", self.background))
        names = [f"a-{kind}{number}" for kind, number in colours if number is not None]
        flags = ("bold", "dim", "italic", "underline", "inverse")
        return " ".join(names + [f"a-{flag}" for flag in flags if getattr(self, flag)])


_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse"}
_FLAGS_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",)}


class AnsiText:
    """Turns the pieces of one stream into safe HTML; a sequence may be split between two pieces."""

    def __init__(self) -> None:
        self._style = Style()
        self._held = ""

    def feed(self, text: str) -> SafeString:
        """HTML of the next piece."""
        text = self._held + text
        cut = _UNFINISHED.search(text, max(0, len(text) - LONGEST_SEQUENCE))
        self._held = text[cut.start() :] if cut else ""
        return self._html(text[: cut.start()] if cut else text)

    def close(self) -> SafeString:
        """HTML of what was held back."""
        text, self._held = self._held, ""
        return self._html(text)

    def _html(self, text: str) -> SafeString:
        # Everything below is escaped or from a fixed list.
        return mark_safe("".join(self._parts(text.replace("\r\n", "\n"))))  # noqa: S308

    def _parts(self, text: str) -> Iterator[str]:
        at = 0
        for token in _TOKENS.finditer(text):
            yield self._styled(text[at : token.start()])
            at = token.end()
            if token.lastgroup == "sgr":
                self._style = _applied(self._style, token["sgr"])
            elif token.lastgroup == "control":
                yield _visible(token["control"])
        yield self._styled(text[at:])

    def _styled(self, text: str) -> str:
        if not text or not self._style.classes:
            return escape(text)
        return f'<span class="{self._style.classes}">{escape(text)}</span>'


def _visible(control: str) -> str:
    """A carriage return ends the line that it would have written over; other controls show as their name."""
    if control == "\r":
        return "\n"
    code = ord(control)
    shown = chr(0x2400 + code) if code < 32 else "\u2421" if code == 127 else f"U+{code:04X}"
    title = escape(unicodedata.name(control, f"control U+{code:04X}").lower())
    return f'<span class="a-control" title="{title}">{shown}</span>'


def _applied(style: Style, parameters: str) -> Style:
    """The style after an SGR sequence; unknown numbers change nothing."""
    numbers = iter([int(number) if number else 0 for number in re.split("[;:]", parameters[:200])])
    for number in numbers:
        if number == 0:
            style = Style()
        elif number in _FLAGS:
            style = replace(style, **{_FLAGS[number]: True})
        elif number in _FLAGS_OFF:
            style = replace(style, **dict.fromkeys(_FLAGS_OFF[number], False))
        elif number in (38, 48):
            colour = _extended(numbers)
            style = replace(style, foreground=colour) if number == 38 else replace(style, background=colour)
        else:
            style = _coloured(style, number)
    return style


def _coloured(style: Style, number: int) -> Style:
    for first, offset in ((30, 0), (90, 8)):
        if first <= number < first + 8:
            return replace(style, foreground=number - first + offset)
        if first + 10 <= number < first + 18:
            return replace(style, background=number - first - 10 + offset)
    if number == 39:
        return replace(style, foreground=None)
    return replace(style, background=None) if number == 49 else style


def _extended(numbers: Iterator[int]) -> int | None:
    """The nearest of the sixteen colours for `5;n`; true colour (`2;r;g;b`) is read and left out."""
    kind = next(numbers, None)
    if kind == 5:
        number = next(numbers, 0)
        return number if number < 16 else None
    if kind == 2:
        for _ in range(3):
            next(numbers, None)
    return None


def ansi_html(pieces: Iterable[tuple[str, str]]) -> Iterator[tuple[str, SafeString]]:
    """(stream, html) for each (stream, text), in order; each stream has a style of its own."""
    parsers: dict[str, AnsiText] = {}
    for stream, text in pieces:
        yield stream, parsers.setdefault(stream, AnsiText()).feed(text)
    for stream, parser in parsers.items():
        if rest := parser.close():
            yield stream, rest
