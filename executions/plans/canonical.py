"""The one byte form of a plan: what is hashed, approved, stored and run.

Keys are sorted, there is no white space, texts are UTF-8, and a whole number written as `5.0` becomes `5`
(RFC 8785 does the same). The order of target and dependency lists carries no meaning, so they are sorted and
named once. Texts outside `with` are in Unicode NFC; inside `with` they stay exactly as written, because a
file name in another normal form is another file.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

UNORDERED = ("targets", "depends_on")
EXACT_INTEGER = 2**53  # above it a float no longer holds every whole number


def canonical_bytes(value: object) -> bytes:
    """JSON data as canonical bytes.

    Raises:
      ValueError: NaN or infinity. TypeError: not JSON data.
    """
    text = json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def plan_hash(canonical: bytes) -> str:
    """SHA-256 of canonical bytes, 64 hexadecimal digits."""
    return hashlib.sha256(canonical).hexdigest()


def normal_form(document: Mapping[str, Any]) -> dict[str, Any]:
    """The plan document with numbers and unordered lists in their one form; the input is not changed."""
    steps = [_sorted_lists(step) for step in document["steps"]]
    form = _sorted_lists({**document, "steps": steps})
    if "resources" in form:
        form["resources"] = sorted(form["resources"], key=lambda wanted: wanted["name"])
    return form


def _sorted_lists(level: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: _plain(value) for key, value in level.items()}
    for key in UNORDERED:
        if key in result:
            result[key] = sorted(set(result[key]))
    return result


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int:
        return value
    if kind is dict:
        return {key: _plain(item) for key, item in value.items()}
    if kind is list:
        return [_plain(item) for item in value]
    if kind is float and value.is_integer() and abs(value) < EXACT_INTEGER:
        return int(value)
    return value
