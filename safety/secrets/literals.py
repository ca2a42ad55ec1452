"""Finds secret values that somebody wrote into a plan instead of a reference."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from safety.masking.keyblocks import key_blocks
from safety.masking.patterns import TABLE
from safety.masking.patternset import PatternSet
from safety.secrets.entropy import holds_random_token
from safety.secrets.values import children, is_reference

_TELLING_KEY = re.compile(
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|secret[_-]?access[_-]?key"
    r"|access[_-]?token|client[_-]?secret)$",
    re.IGNORECASE,
)
# `{{ inputs.x }}`, `$NAME`, `${NAME}`, `$(command)`, `<your token>`: the value itself is elsewhere.
_PLACEHOLDER = re.compile(r"\{\{|^\$|^<[^>]*>$|^%\w+%$")
_KEY_BODY = re.compile(rb"[A-Za-z0-9+/]{40}")
_DEEPEST = 64


def likely_secrets(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Place and kind of every likely secret value in a JSON-like structure; the values are not in the answer.

    Keys and tokens are found anywhere in text, also unknown ones by how random they are (`random_text`); anything
    written under a name such as `password` counts, too.
    Place: such as `env.TOKEN` or `args[2]`.
    """
    return list(_likely(value, path, name="", depth=0))


def _likely(value: Any, path: str, *, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        kind = _kind(str(value), name)
        if kind:
            yield path, kind
    elif depth < _DEEPEST and not is_reference(value):
        for place, part in children(value, path):
            inner = place[len(path) :].lstrip(".")
            yield from _likely(part, place, name=name if inner.startswith("[") else inner, depth=depth + 1)


def _kind(text: str, name: str) -> str:
    if not text:
        return ""
    raw = text.encode("utf-8", "surrogatepass")
    if any(_KEY_BODY.search(raw, span.start, span.end) for span in key_blocks(raw)):
        return "private_key"
    for span in _literal_patterns().spans(raw):
        if not _PLACEHOLDER.search(raw[span.start : span.end].decode("utf-8", "replace")):
            return span.kind
    telling = _TELLING_KEY.search(name)
    if telling and not _PLACEHOLDER.search(text.strip()):
        return telling.group().lower().replace("-", "_")
    return "random_text" if holds_random_token(text) else ""


@cache
def _literal_patterns() -> PatternSet:
    return PatternSet(tuple(pattern for pattern in TABLE if pattern.literal))
