"""Checks whether history is what was sealed: every chain, and every row that should have a link."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from executions.audit.walking import BEFORE_ALL, Finding, Walk
from executions.models import AuditLink
from safety.models import Tenant
from safety.sql import fetch

BATCH = 20_000
BEHIND = "has no link, and later rows have: it was written behind the sealer, or its link was removed"

# Rows are sealed in the order of their ids: what has no link below the last one was not there when that was made.
_SEALED: LiteralString = """
SELECT k.kind, coalesce((SELECT max(row_id) FROM opsc_audit_link WHERE kind = k.kind), 0) AS row_id
FROM unnest(%(kinds)s::text[]) AS k(kind)
"""

_WITHOUT_LINK: dict[str, LiteralString] = {
    kind: f"""
WITH part AS (
    SELECT id, tenant_id FROM {table} WHERE id > %(after)s AND id <= %(sealed)s ORDER BY id LIMIT %(batch)s
)
SELECT p.id, p.tenant_id, false AS found FROM part p
WHERE NOT EXISTS (SELECT FROM opsc_audit_link l WHERE l.kind = '{kind}' AND l.row_id = p.id)
UNION ALL
SELECT max(id), NULL, true FROM part
"""  # noqa: S608  constants only
    for kind, table in (("event", "opsc_event"), ("decision", "opsc_access_decision"))
}

_NEVER_DRAWN: dict[str, LiteralString] = {
    kind: f"""
SELECT id, tenant_id FROM {table}
WHERE id > coalesce(pg_sequence_last_value(pg_get_serial_sequence('{table}', 'id')::regclass), 0) ORDER BY id LIMIT 100
"""  # noqa: S608  constants only
    for kind, table in (("event", "opsc_event"), ("decision", "opsc_access_decision"))
}

# The tenants that have a chain, each found by one look into the index.
_CHAINS: LiteralString = """
WITH RECURSIVE chain AS (
    SELECT min(tenant_id) AS id FROM opsc_audit_link
    UNION ALL
    SELECT (SELECT min(tenant_id) FROM opsc_audit_link WHERE tenant_id > chain.id) FROM chain WHERE chain.id IS NOT NULL
)
SELECT id FROM chain WHERE id IS NOT NULL
"""


@dataclass
class Verification:
    """One check of one tenant or of all. `findings` does it; what it has looked at is known afterwards.

    wanted: by tenant, hashes that were kept elsewhere by the number of their link.
    """

    only: Tenant | None = None
    wanted: dict[int, dict[int, str]] = field(default_factory=dict)
    walks: list[Walk] = field(default_factory=list)
    seconds: float = 0.0

    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong. Memory is that of one batch, whatever the length of the chains."""
        began = time.monotonic()
        names = dict(Tenant.objects.values_list("pk", "slug"))
        sealed = {
            row["kind"]: row["row_id"] for row in fetch(_SEALED, {"kinds": list(AuditLink.Kind.values)})
        }
        for tenant_id in self._chains():
            name = names.get(tenant_id, f"tenant {tenant_id}, which is gone")
            walk = Walk(tenant_id, name, self.wanted.get(tenant_id, {}))
            self.walks.append(walk)
            yield from walk.findings()
        for kind in AuditLink.Kind.values:
            yield from self._without_link(kind, sealed[kind], names)
            yield from self._never_drawn(kind, names)
        self.seconds = time.monotonic() - began

    @property
    def rows(self) -> int:
        """How many links, and so rows, were looked at."""
        return sum(walk.links for walk in self.walks)

    def _chains(self) -> Sequence[int]:
        if self.only is not None:
            return [self.only.pk]
        return sorted({row["id"] for row in fetch(_CHAINS)} | set(self.wanted))

    def _without_link(self, kind: str, sealed: int, names: dict[int, str]) -> Iterator[Finding]:
        after: int | None = BEFORE_ALL
        while after is not None:
            rows = fetch(_WITHOUT_LINK[kind], {"after": after, "sealed": sealed, "batch": BATCH})
            after = next(row["id"] for row in rows if row["found"])
            for row in rows:
                if not row["found"] and self._asked(row["tenant_id"]):
                    name = names.get(row["tenant_id"], "?")
                    yield Finding("row.inserted", name, f"{kind} {row['id']}", BEHIND)

    def _never_drawn(self, kind: str, names: dict[int, str]) -> Iterator[Finding]:
        for row in fetch(_NEVER_DRAWN[kind]):
            if self._asked(row["tenant_id"]):
                message = "has an id that was never given out; it is not sealed"
                yield Finding(
                    "row.inserted", names.get(row["tenant_id"], "?"), f"{kind} {row['id']}", message
                )

    def _asked(self, tenant_id: int) -> bool:
        return self.only is None or self.only.pk == tenant_id
