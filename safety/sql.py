"""Prepared statements on Django's own connection, for the paths that every step takes."""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from django.db import connection
from psycopg.rows import dict_row

Row = dict[str, Any]


def fetch(statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Run one statement, prepared on first use, inside the current transaction (or its own).

    Raises Django's database errors, like the ORM does.
    """
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor,
    ):
        cursor.execute(statement, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []


def fetch_one(statement: LiteralString, parameters: Mapping[str, Any] | None = None) -> Row | None:
    """The first row of the statement, or None."""
    rows = fetch(statement, parameters)
    return rows[0] if rows else None
