"""Prepared statements on Django's own connection, for the paths that every step takes."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, LiteralString
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg.rows import dict_row
from psycopg.types.json import JsonbLoader
from psycopg.types.string import StrDumper

Row = dict[str, Any]

_PLACEHOLDER = re.compile(r"%(?:%|\((\w+)\)s)")


def fetch(statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement, prepared on first use, inside the current transaction (or its own).

    Strings go as `text`, not as "unknown", so that a parameter may stand in several places of a statement.

    Raises Django's database errors, like the ORM does.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = _cursor(connection.connection)
        if parameters is None:
            cursor.execute(_compact(statement), prepare=True)
        else:
            text, names = _numbered(statement)
            cursor.execute(text, [_storable(parameters[name]) for name in names], prepare=True)
        return cursor.fetchall() if cursor.rownumber is not None else []


def fetch_one(statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """The first row of the statement, or None."""
    rows = fetch(statement, parameters)
    return rows[0] if rows else None


@cache
def _compact(statement: LiteralString) -> LiteralString:
    """Without its indentation."""
    return " ".join(statement.split())


@cache
def _numbered(statement: LiteralString) -> tuple[LiteralString, tuple[str, ...]]:
    """The statement as PostgreSQL takes it, `$1` for the first of these names.

    psycopg would do the same, for long statements each time.
    """
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        return "%" if name is None else f"${names.setdefault(name, len(names) + 1)}"

    text = _PLACEHOLDER.sub(number, _compact(statement))
    return text, tuple(names)


# One cursor a connection: making one costs as much as a small statement.
_cursors: WeakKeyDictionary[psycopg.Connection[Any], psycopg.RawCursor[Row]] = WeakKeyDictionary()


def _cursor(raw: psycopg.Connection[Any]) -> psycopg.RawCursor[Row]:
    cursor = _cursors.get(raw)
    if cursor is None:
        cursor = psycopg.RawCursor(raw, row_factory=dict_row)
        cursor.adapters.register_dumper(str, StrDumper)
        cursor.adapters.register_loader("jsonb", JsonbLoader)  # Django leaves it as text
        _cursors[raw] = cursor
    return cursor


def _storable(value: Any) -> Any:
    """Members of the closed vocabularies as the words that they are.

    PostgreSQL keeps no NUL in text; what a target says may hold one.
    """
    return str(value).replace("\0", "\N{SYMBOL FOR NULL}") if isinstance(value, str) else value
