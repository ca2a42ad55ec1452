"""The lease protocol with one guard taken out, to see that the tests of it can fail."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

SOURCE = "SELECT pg_get_functiondef('opsc_acquire'::regproc)"
LOCKED = "SELECT q.place INTO my_place"
HELD = "WHERE w.mode = 'exclusive' OR l.mode = 'exclusive' OR w.quantity > w.capacity - ("
LINE = "AND NOT opsc_waits_for_a_person(q.execution_id)"

# What is put in the place of what. `steals`: as leases are often done, an expired one is anybody's.
MUTANTS = {
    "steals_what_expired": (
        LOCKED,
        f"""DELETE FROM opsc_lease l WHERE l.lockable_id = ANY(p_ids) AND l.execution_id <> p_execution
            AND l.expires_at < clock_timestamp(); {LOCKED}""",
    ),
    "lets_writers_in_beside_readers": (HELD, HELD.replace("w.mode = 'exclusive' OR", "")),
    "knows_no_line": (LINE, "AND false"),
}


@contextmanager
def mutated(mutant: str) -> Iterator[None]:
    """The database's function with this guard out, until the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute(SOURCE)
        source = cursor.fetchone()[0]
        old, new = MUTANTS[mutant]
        assert old in source
        cursor.execute(source.replace(old, new))
        try:
            yield
        finally:
            cursor.execute(source)
