"""A refused plan for its author, without the values that look like secrets."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from executions.plans.document import read_document
from executions.plans.errors import PlanInvalid, PlanProblem, safe_place
from safety.masking.typed import mask_typed
from safety.secrets.literals import HIDDEN
from safety.secrets.values import children
from safety.secrets.written import kind_in

LITERAL = "secret.literal"
UNREADABLE = "plan."  # problems of a text that is no plan at all, and so has no places
REMOVED = "(removed: it looks like a secret)"
_DEEPEST = 64


def without_secrets(raw: str, problems: Collection[PlanProblem]) -> str:
    """The plan's text as it came, or, where values look like secrets, laid out anew without them."""
    if any(problem.code.startswith(UNREADABLE) for problem in problems):
        return mask_typed(raw)
    places = {problem.path for problem in problems if problem.code == LITERAL}
    if not places:
        return raw
    try:
        document = read_document(raw)
    except PlanInvalid:
        return ""
    return json.dumps(_without(document, "", places, 0), indent=2, ensure_ascii=False)


def _without(value: Any, place: str, places: Collection[str], depth: int) -> Any:
    if depth > _DEEPEST or (place and safe_place(place) in places):
        return REMOVED
    if isinstance(value, Mapping):
        return {
            REMOVED if kind_in(key) else key: _without(part, _inner(place, key), places, depth + 1)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_without(part, inner, places, depth + 1) for inner, part in children(value, place)]
    return value


def _inner(place: str, key: str) -> str:
    """The place of a key's value, as `likely_secrets` tells it."""
    shown = HIDDEN if kind_in(key) else key
    return f"{place}.{shown}" if place else shown
