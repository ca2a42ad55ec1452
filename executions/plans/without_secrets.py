"""A refused plan for its author, without the values that look like secrets."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from executions.plans.document import read_document
from executions.plans.errors import PlanInvalid, PlanProblem, safe_place
from safety.masking.typed import mask_typed
from safety.secrets.values import children

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
    parts = [_without(part, inner, places, depth + 1) for inner, part in children(value, place)]
    if isinstance(value, Mapping):
        return dict(zip(value, parts, strict=True))
    return parts if isinstance(value, list) else value
