"""History that is guarded by triggers, and the owner of the tables who takes the guard away."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

APPEND_ONLY = ("opsc_access_decision", "opsc_event", "opsc_audit_link")


@contextmanager
def unguarded(table: str) -> Iterator[None]:
    """Without the trigger that refuses UPDATE and DELETE, as a superuser of the database could do it."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER opsc_append_only")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER opsc_append_only")
