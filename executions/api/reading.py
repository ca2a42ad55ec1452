"""What a request brings: its query and its body, checked."""

import json
from collections.abc import Collection
from typing import Any, Final

from django.http import HttpRequest

from executions.api.errors import Wrong
from executions.api.resource import JSON

MOST_BYTES: Final = 16_384  # of a body that is no plan
MOST_ROWS: Final = 200
ROWS: Final = 50
_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}


def require_known(request: HttpRequest, names: Collection[str]) -> None:
    """Raises Wrong for a part of the query that nobody would look at."""
    for name in request.GET:
        if name not in names:
            known = ", ".join(names) or "none"
            raise Wrong(
                400, "query.unknown", f"Nothing is asked for by {name[:60]!r}.", hint=f"Known: {known}."
            )


def flag(request: HttpRequest, name: str) -> bool:
    """A yes or no of the query; no when it is not given."""
    said = request.GET.get(name, "false").lower()
    if said not in _WORDS:
        raise Wrong(400, "query.value", f"{name} is true or false.")
    return _WORDS[said]


def row_limit(request: HttpRequest) -> int:
    """How many rows a page has."""
    said = request.GET.get("limit", str(ROWS))
    if not (said.isascii() and said.isdigit() and len(said) <= 9 and 1 <= int(said) <= MOST_ROWS):
        raise Wrong(400, "page.limit", f"limit is 1 to {MOST_ROWS}.")
    return int(said)


def body_of(request: HttpRequest, *, most: int) -> bytes:
    """The body as it came. Raises Wrong: no JSON, or too large."""
    raw = request.read(most + 1)
    if raw and request.content_type != JSON:
        raise Wrong(415, "body.json_only", "Send application/json.", hint="Set the header Content-Type.")
    if len(raw) > most:
        raise Wrong(413, "body.too_large", f"At most {most} bytes.")
    return raw


def fields_of(request: HttpRequest, **kinds: type) -> dict[str, Any]:
    """The JSON object of the body, with these fields at most, each of its kind. An empty body is an empty one."""
    try:
        found = json.loads(body_of(request, most=MOST_BYTES) or b"{}")
    except (ValueError, RecursionError) as problem:
        raise Wrong(400, "body.syntax", "The body is not valid JSON.") from problem
    if not isinstance(found, dict):
        raise Wrong(400, "body.not_object", "The body is a JSON object.")
    for name, value in found.items():
        if name not in kinds:
            hint = f"Known: {', '.join(kinds)}."
            raise Wrong(422, "body.unknown", f"Nothing is asked for by {name[:60]!r}.", hint=hint)
        if type(value) is not kinds[name]:
            raise Wrong(422, "body.value", f"{name} is a {_KINDS[kinds[name]]}.")
        if isinstance(value, str) and any("\ud800" <= one <= "\udfff" for one in value):
            raise Wrong(422, "body.value", f"{name} holds half a character (a lone surrogate).")
    return found


_KINDS: Final = {bool: "true or false", str: "text"}
