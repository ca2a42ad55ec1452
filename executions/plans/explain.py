"""Turns what the schema found into problems that say how to repair them."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from executions.plans.errors import MOST_REPORTED, PlanProblem, place, shown
from executions.plans.fields import MOST_SECONDS, is_reference
from executions.plans.schema import PARTS_BY_KIND, STEP_KINDS, SUPPORTED_VERSIONS

SECONDS_FIELDS = {"timeout": "timeout.range", "estimate": "estimate.range", "seconds": "param.range"}
SECONDS_HINT = f"allowed: more than 0 and at most {MOST_SECONDS} s"
STEP_ID_HINT = "letters, digits, - and _, at most 64, beginning with a letter or digit"
SECRET_PLACES = "references belong into with.secrets, with.stdin, or an HTTP header or body"  # noqa: S105

_SENTENCES = {
    "missing": "is required",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_pattern_mismatch": "has characters that are not allowed there, or is too long",
    "literal_error": "must be {expected}",
    "union_tag_not_found": "needs a kind",
    "union_tag_invalid": "must be {expected_tags}",
}
_TYPE_ERRORS = frozenset(key for key in _SENTENCES if key.endswith("_type")) | {"int_from_float"}


def explain(error: ValidationError, at: Sequence[str | int], model: type[BaseModel]) -> Iterator[PlanProblem]:
    """One problem for each error of validating `model`, whose own place is `at`; at most 50."""
    for detail in error.errors(include_url=False)[:MOST_REPORTED]:
        loc = _without_tags(detail["loc"]) + (("kind",) if detail["type"].startswith("union_tag") else ())
        path = place((*at, *loc))
        if "." in detail["type"]:
            context = detail["ctx"]
            yield PlanProblem(path, detail["type"], context["message"], context["hint"])
        elif detail["type"] == "extra_forbidden":
            yield _unknown_key(path, detail, model)
        elif detail["type"] == "string_type" and is_reference(detail["input"]):
            yield PlanProblem(path, "secret.ref", "a secret reference cannot stand here", SECRET_PLACES)
        else:
            yield _ordinary(path, loc, detail)


def nearest(word: object, known: Sequence[str]) -> str:
    """`did you mean X?` for a near miss, else the known words."""
    close = get_close_matches(word[:100].lower(), known, n=1) if isinstance(word, str) else []
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def unknown_kind(path: str, kind: object) -> PlanProblem:
    """A step kind that nobody knows is never guessed at."""
    message = f"unknown kind {shown(kind)}; known: {', '.join(STEP_KINDS)}"
    hint = nearest(kind, list(STEP_KINDS))
    return PlanProblem(path, "operation.unknown", message, hint if hint.startswith("did") else "")


def _without_tags(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Drop what pydantic adds to say which alternative it tried."""
    if len(loc) > 1 and loc[1] in PARTS_BY_KIND.get(str(loc[0]), ()):
        loc = (loc[0], *loc[2:])
    return tuple(part for part in loc if part != "[key]")


def _unknown_key(path: str, detail: ErrorDetails, model: type[BaseModel]) -> PlanProblem:
    code = "param.unknown" if "with" in detail["loc"] else "field.unknown"
    key = detail["loc"][-1]
    known = _known_keys(detail["loc"][:-1], model)
    return PlanProblem(path, code, f"unknown key {shown(key)}", nearest(key, known))


def _known_keys(loc: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    kinds: Mapping[str, type[BaseModel]] = {}
    for part in loc:
        kinds = PARTS_BY_KIND.get(str(part), kinds)
        if part in kinds and part not in _by_alias(model):
            model = kinds[str(part)]
        elif (inner := _by_alias(model).get(str(part))) is not None and _is_model(inner):
            model = inner
    return list(_by_alias(model))


def _by_alias(model: type[BaseModel]) -> Mapping[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _ordinary(path: str, loc: tuple[str | int, ...], detail: ErrorDetails) -> PlanProblem:
    kind, field = detail["type"], loc[-1] if loc else ""
    inside_with = "with" in loc
    sentence = _SENTENCES.get(kind, "is not valid").format_map(detail.get("ctx", {}))
    code = ("param." if inside_with else "field.") + _suffix(kind)
    hint = ""
    if field in SECONDS_FIELDS and kind != "missing":
        code, hint = SECONDS_FIELDS[str(field)], SECONDS_HINT
        sentence = "must be a number of seconds" if kind in _TYPE_ERRORS else f"{sentence} s"
    elif inside_with or len(loc) != 1:
        pass
    elif field == "version":
        code, sentence = "plan.version", "must be a supported version of the plan language"
        hint = "supported: " + ", ".join(map(str, SUPPORTED_VERSIONS))
    elif field == "retries" and kind not in _TYPE_ERRORS:
        code, hint = "retries.range", "allowed: 0 to 20"
    elif field == "id" and kind != "missing":
        code, hint = "step.id_format", STEP_ID_HINT
    elif field == "name" and kind == "string_too_long":
        code = "name.length"
    if kind == "string_type" and isinstance(detail["input"], int | float):
        hint = hint or "write it in quotes"
    if kind == "literal_error" and isinstance(detail["input"], str):
        sentence += f", not '{shown(detail['input'])}'"
    return PlanProblem(path, code, sentence, hint)


def _suffix(kind: str) -> str:
    if kind in _TYPE_ERRORS:
        return "type"
    return "missing" if kind == "missing" else "value"
