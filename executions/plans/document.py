"""Reads submitted bytes as one JSON object, or says exactly why they are none."""

import json
import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from executions.plans.errors import PlanInvalid, PlanProblem, by_setting, place, shown

BOM = b"\xef\xbb\xbf"
INTEGER_LIMIT = 2**63  # what PostgreSQL and other readers of the plan can hold
# Texts under these keys are payload: they reach the target exactly as written.
PAYLOAD_KEYS = frozenset({"with"})


def read_document(raw: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    """The plan as plain JSON data, checked for size, encoding, syntax, depth, duplicate keys and odd values.

    A byte order mark is accepted. Texts outside `with` come back in Unicode NFC.

    Raises:
      PlanInvalid: Every problem found, with offset, line and column, or place.
    """
    document = _parse(_decode(_as_bytes(raw)))
    if not isinstance(document, dict):
        raise _invalid("plan.not_object", f"a plan is a JSON object, not {_kind_of(document)}")
    walk = _Walk(settings.OPSC["PLAN_MAX_DEPTH"])
    clean = walk.clean(document, 1, exact=False)
    if walk.problems:
        raise PlanInvalid(walk.problems)
    result: dict[str, Any] = clean
    return result


def _as_bytes(raw: bytes | str | Mapping[str, Any]) -> bytes:
    if isinstance(raw, Mapping):
        try:
            raw = json.dumps(dict(raw), ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise _invalid("plan.syntax", f"not JSON data: {shown(str(error))}") from None
    if isinstance(raw, str):
        try:
            return raw.encode()
        except UnicodeEncodeError as error:
            raise _invalid("plan.encoding", f"not UTF-8: lone surrogate at character {error.start}") from None
    return raw


def _decode(raw: bytes) -> str:
    limit = settings.OPSC["PLAN_MAX_BYTES"]
    if len(raw) > limit:
        raise _invalid(
            "plan.too_large",
            f"more than {limit} bytes",
            by_setting("PLAN_MAX_BYTES"),
        )
    start = len(BOM) if raw.startswith(BOM) else 0
    if not raw[start:].strip():
        raise _invalid("plan.empty", "there is no plan in here")
    nul = raw.find(0)
    if nul >= 0:
        raise _invalid("plan.encoding", f"NUL byte at byte {nul}", "send UTF-8, not UTF-16 or binary data")
    try:
        return raw[start:].decode()
    except UnicodeDecodeError as error:
        raise _invalid("plan.encoding", f"not UTF-8 at byte {start + error.start}", "send UTF-8") from None


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _invalid("plan.syntax", f"not valid JSON at {where}: {error.msg}") from None
    except RecursionError:
        raise _too_deep("") from None


class _Repeated(dict[str, Any]):
    """A JSON object that named a key twice; the walk reports it with its place."""

    key = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    seen: set[str] = set()
    repeated = _Repeated(result)
    repeated.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return repeated


def _integer(digits: str) -> int | float:
    """Python refuses to read thousands of digits; infinity stands for them and is refused with its place."""
    return int(digits) if len(digits) < 30 else math.inf


class _Walk:
    """Visits every value once, normalises texts and collects problems."""

    def __init__(self, deepest: int) -> None:
        self.deepest = deepest
        self.problems: list[PlanProblem] = []
        self._at: list[str | int] = []

    def clean(self, value: Any, depth: int, *, exact: bool) -> Any:
        kind = type(value)
        if kind is str:
            return value if value.isascii() and "\0" not in value else self._text(value, exact=exact)
        if kind is dict or kind is _Repeated:
            return self._mapping(value, depth, exact=exact)
        if kind is list:
            return self._list(value, depth, exact=exact)
        if kind is float and not math.isfinite(value):
            self._report("plan.number", "must be a finite number of ordinary size")
        elif kind is int and not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
            self._report("plan.number", "must fit in 64 bits", "send large numbers as text")
        return value

    def _mapping(self, value: dict[str, Any], depth: int, *, exact: bool) -> dict[str, Any]:
        if depth > self.deepest:
            self.problems.append(_too_deep(place(self._at)).problems[0])
            return {}
        if isinstance(value, _Repeated):
            self._at.append(value.key)
            self._report("field.duplicate", "this key stands here twice")
            self._at.pop()
        result: dict[str, Any] = {}
        for key, item in value.items():
            self._at.append(key)
            name = self.clean(key, depth, exact=exact)
            if name in result:
                self._report("field.duplicate", "this key stands here twice")
            result[name] = self.clean(item, depth + 1, exact=exact or key in PAYLOAD_KEYS)
            self._at.pop()
        return result

    def _list(self, value: list[Any], depth: int, *, exact: bool) -> list[Any]:
        if depth > self.deepest:
            self.problems.append(_too_deep(place(self._at)).problems[0])
            return []
        result = []
        for index, item in enumerate(value):
            self._at.append(index)
            result.append(self.clean(item, depth + 1, exact=exact))
            self._at.pop()
        return result

    def _text(self, value: str, *, exact: bool) -> str:
        if "\0" in value:
            self._report("text.nul", "must not contain a NUL character")
        try:
            value.encode()
        except UnicodeEncodeError:
            self._report("plan.encoding", "contains half of a surrogate pair, which is no character")
        return value if exact else unicodedata.normalize("NFC", value)

    def _report(self, code: str, message: str, hint: str = "") -> None:
        self.problems.append(PlanProblem(place(self._at), code, message, hint))


def _kind_of(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _too_deep(path: str) -> PlanInvalid:
    limit = settings.OPSC["PLAN_MAX_DEPTH"]
    message = f"nested deeper than {limit} levels"
    return PlanInvalid([PlanProblem(path, "plan.too_deep", message, by_setting("PLAN_MAX_DEPTH"))])


def _invalid(code: str, message: str, hint: str = "") -> PlanInvalid:
    return PlanInvalid([PlanProblem("", code, message, hint)])
