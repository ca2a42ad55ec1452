"""Finds assets by words such as `tag:web and not env:prod`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from executions.plans.errors import shown
from safety.choices import Environment

TEXT_LIMIT = 500  # characters of a selector
NESTING_LIMIT = 16
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
_LOOKS_LIKE_SELECTOR = re.compile(r"[()]|(?:^|\s)(?:[A-Za-z]+:|(?:and|or|not)(?:\s|$))")


@dataclass(frozen=True)
class InventoryItem:
    """An asset of the tenant, as far as choosing targets needs it."""

    id: UUID
    name: str
    environment: str
    tags: frozenset[str]
    connection: str


Matches = Callable[[InventoryItem], bool]


class BadSelector(Exception):
    """The selector cannot be read; the message says where it went wrong."""


def is_selector(target: str) -> bool:
    """Whether a target is a selector, and not the name or id of one asset."""
    return _LOOKS_LIKE_SELECTOR.search(target) is not None


def asset_id(target: str) -> UUID | None:
    """The id, when a target is written as one (36 characters with hyphens)."""
    return UUID(target) if _UUID.fullmatch(target) else None


@lru_cache(maxsize=1024)
def parse_selector(text: str) -> Matches:
    """A test for assets. `not` binds before `and`, `and` before `or`; parentheses group.

    Raises:
      BadSelector: Not a selector, too long, or nested too deep.
    """
    if len(text) > TEXT_LIMIT:
        raise BadSelector(f"longer than {TEXT_LIMIT} characters")
    return _Parser(text).whole()


class _Parser:
    """Recursive descent: choice = both {or both}; both = one {and one}; one = not one | (choice) | term."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._next = 0
        self._nesting = 0

    def whole(self) -> Matches:
        result = self._choice()
        if self._peek():
            raise BadSelector(f"expected `and` or `or` before {shown(self._peek())}")
        return result

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _choice(self) -> Matches:
        parts = [self._both()]
        while self._peek() == "or":
            self._take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda item: any(part(item) for part in parts)

    def _both(self) -> Matches:
        parts = [self._one()]
        while self._peek() == "and":
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)

    def _one(self) -> Matches:
        token = self._take()
        if token in {"not", "("}:
            self._nesting += 1
            if self._nesting > NESTING_LIMIT:
                raise BadSelector(f"nested deeper than {NESTING_LIMIT} levels")
            inner = self._negated() if token == "not" else self._group()  # noqa: S105
            self._nesting -= 1
            return inner
        return _term(token)

    def _negated(self) -> Matches:
        inner = self._one()
        return lambda item: not inner(item)

    def _group(self) -> Matches:
        inner = self._choice()
        if self._take() != ")":
            raise BadSelector("a parenthesis is not closed")
        return inner


def _term(token: str) -> Matches:
    key, colon, value = token.partition(":")
    if key == "tag" and value:
        return lambda item: value in item.tags
    if key == "env" and value:
        if value not in Environment.values:
            raise BadSelector(f"unknown environment {shown(value)}; known: {', '.join(Environment.values)}")
        return lambda item: item.environment == value
    if not token or token in {"and", "or", ")"}:
        raise BadSelector(
            f"expected a term before {shown(token)}" if token else "ends where a term should follow"
        )
    raise BadSelector(
        f"cannot read {shown(token)}; terms are tag:NAME and env:NAME"
        + ("" if colon else ", assets by name stand alone")
    )
