"""All rows as text without what differs from one time to the next: two of them tell what two requests did."""

import re
from collections import Counter

from django.db import connection

# Keys that count up, and what is of chance.
_DROPPED = (
    "ARRAY['id', 'step_id', 'approval_id', 'row_id', 'seq', 'object_id', 'session_key', 'session_data']"
)
_VARIES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ][\d:.+]+|[0-9a-f]{12,}|\d+\.\d+"
)
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
NOT_COMPARED = {"django_session", "opsc_sign_in", "opsc_sign_in_count"}


def snapshot() -> "Counter[str]":
    """How often each row stands in the database."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = sorted({str(row[0]) for row in cursor.fetchall()} - NOT_COMPARED)
        parts = (
            f"SELECT '{table} ' || (to_jsonb(t) - {_DROPPED})::text FROM \"{table}\" t" for table in tables
        )
        cursor.execute(" UNION ALL ".join(parts))
        return Counter(_VARIES.sub("#", str(row[0])) for row in cursor.fetchall())
