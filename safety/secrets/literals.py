"""Finds secret values that somebody wrote into a plan instead of a reference."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from safety.masking.plausible import chosen, cookie
from safety.secrets.elsewhere import stands_elsewhere
from safety.secrets.values import children, is_reference
from safety.secrets.written import kind_across, kind_in

HIDDEN = "(not shown)"  # in a place, for a key that looks like a secret itself
_TELLING_KEY = re.compile(
    r"(?:password|passwd|passphrase|(?:^|[_.-])pass|[_.-]pwd|secret|token|api[_-]?key|private[_-]?key"
    r"|secret[_-]?access[_-]?key|client[_-]?secret|authorization|credential)s?\d{0,2}$",
    re.IGNORECASE,
)
_WORD = re.compile(r"^[_.-]+|\d+$")  # what surrounds the word of a telling key
# Also names of other things, so that the value has to look like a key.
_VAGUE_KEY = re.compile(r"(?:[_.-]|^)(?:key|pwd|auth|session|sid)$|(?<=[a-z])Key$", re.IGNORECASE)
_COUNTED = re.compile(r"^(?:max|min|num|n|total)_", re.IGNORECASE)
# The parts of `{"name": "DB_PASSWORD", "value": …}` and of `{"password": {"value": …}}`.
_NAMES, _VALUES = ("name", "key", "field", "var", "id"), ("value", "val", "data", "default", "content")
_DEEPEST = 64


def likely_secrets(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Place and kind of every likely secret value in a JSON-like structure; the values are not in the answer.

    Keys and tokens are found anywhere in text and in keys, also unknown ones by how random they are
    (`random_text`); so is what follows a telling name or option, and anything written under a name such as
    `password`. Place: such as `env.TOKEN` or `args[2]`; a key that is a secret itself is not shown in it.
    """
    return list(dict(_likely(value, path, name="", depth=0)).items())


def _likely(value: Any, path: str, *, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        kind = _kind(value, name)
        if kind:
            yield path, kind
    elif depth < _DEEPEST and not is_reference(value):
        if isinstance(value, Mapping):
            yield from _in_mapping(value, path, name, depth)
        elif isinstance(value, list | tuple):
            for place, part in children(value, path):
                yield from _likely(part, place, name=name, depth=depth + 1)
            yield from _in_arguments(value, path)


def _in_mapping(value: Mapping[Any, Any], path: str, name: str, depth: int) -> Iterator[tuple[str, str]]:
    own = next((value[one] for one in _NAMES if isinstance(value.get(one), str)), name)
    for key, part in value.items():
        kind = kind_in(str(key))
        shown = HIDDEN if kind else str(key)
        place = f"{path}.{shown}" if path else shown
        if kind:
            yield place, kind
        called = own if str(key).lower() in _VALUES else str(key)
        yield from _likely(part, place, name=called, depth=depth + 1)


def _in_arguments(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """What an option before it gives away, as in `["--password", "x"]`."""
    parts = [part for part in value or () if isinstance(part, str)]
    if len(parts) == len(value or ()) and any(part.startswith("-") for part in parts):
        found = kind_across(parts)
        if found:
            yield f"{path}[{found[0]}]", found[1]


def _kind(value: str | float, name: str) -> str:
    text = str(value)
    raw = text.encode("utf-8", "surrogatepass")
    if not text:
        return ""
    telling = _TELLING_KEY.search(name)
    if telling and not (_COUNTED.search(name) and text.isdigit()) and not stands_elsewhere(text):
        return kind_in(text) or _WORD.sub("", telling.group().lower()).replace("-", "_")
    vague = isinstance(value, str) and _VAGUE_KEY.search(name)
    if vague and chosen(raw) and any(char.isdigit() for char in text) and not stands_elsewhere(text):
        return "api_key"
    if name.lower() in {"cookie", "set-cookie"} and _holds_cookie(text):
        return "token"
    return kind_in(text)


def _holds_cookie(text: str) -> bool:
    raw = text.encode("utf-8", "surrogatepass")
    values = [pair.partition("=")[2].strip() for pair in text.split(";")]
    return cookie(raw) and any(
        chosen(v.encode("utf-8", "surrogatepass")) and not stands_elsewhere(v) for v in values
    )
