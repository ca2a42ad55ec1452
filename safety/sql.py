"""Prepared statements on Django's own connection, for the paths that every step takes."""

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


def fetch(statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement, prepared on first use, inside the current transaction (or its own).

    Strings go as `text`, not as "unknown", so that a parameter may stand in several places of a statement.

    Raises Django's database errors, like the ORM does.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = _cursor(connection.connection)
        cursor.execute(_compact(statement), _plain(parameters), prepare=True)
        return cursor.fetchall() if cursor.rownumber is not None else []


def fetch_one(statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """The first row of the statement, or None."""
    rows = fetch(statement, parameters)
    return rows[0] if rows else None


@cache
def _compact(statement: LiteralString) -> LiteralString:
    """Without its indentation: psycopg keeps what it learns of a statement only up to 4096 characters."""
    return " ".join(statement.split())


# One cursor a connection: making one costs as much as a small statement.
_cursors: WeakKeyDictionary[psycopg.Connection[Any], psycopg.Cursor[Row]] = WeakKeyDictionary()


def _cursor(raw: psycopg.Connection[Any]) -> psycopg.Cursor[Row]:
    cursor = _cursors.get(raw)
    if cursor is None:
        cursor = psycopg.Cursor(raw, row_factory=dict_row)
        cursor.adapters.register_dumper(str, StrDumper)
        cursor.adapters.register_loader("jsonb", JsonbLoader)  # Django leaves it as text
        _cursors[raw] = cursor
    return cursor


def _plain(parameters: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Members of the closed vocabularies as the words that they are."""
    if parameters is None:
        return None
    return {name: _storable(value) if isinstance(value, str) else value for name, value in parameters.items()}


def _storable(text: str) -> str:
    """PostgreSQL keeps no NUL in text; what a target says may hold one."""
    return str(text).replace("\0", "\N{SYMBOL FOR NULL}")
