"""Up to which id history is final: no transaction can still add a row with a smaller one.

Ids are drawn before a transaction commits, so rows become visible out of order. Whoever inserts holds a lock on the
table from before it draws an id until its transaction is over; that lock keeps nobody out, but it can be seen. So the
ids that were drawn at one moment are final as soon as all that held it then are gone. Nobody waits for anybody.
"""

from dataclasses import dataclass, field
from typing import Any, LiteralString
from weakref import WeakKeyDictionary

from django.db import connection

from executions.models import AuditLink
from safety.sql import fetch

Drawn = dict[str, int]  # kind to the last id that was drawn

_DRAWN: LiteralString = """
SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('opsc_event', 'id')::regclass), 0) AS event,
       coalesce(pg_sequence_last_value(pg_get_serial_sequence('opsc_access_decision', 'id')::regclass), 0) AS decision
"""

_WRITERS: LiteralString = """
SELECT virtualtransaction AS writer FROM pg_locks
WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND relation IN ('opsc_event'::regclass, 'opsc_access_decision'::regclass)
  AND mode = 'RowExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()
"""


def drawn() -> Drawn:
    """The last ids that were drawn, committed or not."""
    row = fetch(_DRAWN)[0]
    return {kind: row[kind] for kind in AuditLink.Kind}


@dataclass
class Horizon:
    """What one connection has seen; another server or another database begins anew."""

    final: Drawn = field(default_factory=lambda: dict.fromkeys(AuditLink.Kind, 0))
    next_final: Drawn = field(default_factory=dict)
    waits_for: frozenset[str] = frozenset()

    def look(self) -> Drawn:
        """Move on as far as the writers allow. The ids are looked at before the writers, never the other way."""
        if self.waits_for:
            self.waits_for &= _writers()
        if not self.waits_for:
            self.final = self.next_final or self.final
            self.next_final = drawn()
            self.waits_for = _writers()
        if not self.waits_for:
            self.final = self.next_final
        return self.final


_horizons: WeakKeyDictionary[Any, Horizon] = WeakKeyDictionary()


def final() -> Drawn:
    """Kind to the id up to which its table is final; what writers of this moment may still add comes later."""
    connection.ensure_connection()
    return _horizons.setdefault(connection.connection, Horizon()).look()


def _writers() -> frozenset[str]:
    return frozenset(row["writer"] for row in fetch(_WRITERS))
