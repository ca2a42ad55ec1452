"""Writes the heads of the chains to the log, so that a copy exists where the database cannot reach it."""

import logging
import threading
import time
from dataclasses import dataclass
from typing import LiteralString

from safety.sql import fetch

logger = logging.getLogger(__name__)

EVERY_S = 300.0

_HEADS: LiteralString = """
SELECT t.id, t.slug, l.seq, encode(l.hash, 'hex') AS hash FROM opsc_tenant t
CROSS JOIN LATERAL (SELECT seq, hash FROM opsc_audit_link WHERE tenant_id = t.id ORDER BY seq DESC LIMIT 1) l
ORDER BY t.slug
"""


@dataclass(frozen=True)
class Head:
    """The last link of a tenant's chain. Its text is what `verify_audit --head` takes."""

    tenant_id: int
    slug: str
    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


class _Teller(threading.local):
    """What this thread has told."""

    told: dict[int, int] | None = None
    last: float = 0.0


_teller = _Teller()


def heads() -> list[Head]:
    """The head of each tenant that has a chain, by slug."""
    return [Head(row["id"], row["slug"], row["seq"], row["hash"]) for row in fetch(_HEADS)]


def tell(every_s: float = EVERY_S) -> int:
    """Write each head that has moved to the log, unless the last ones were told within `every_s`; how many."""
    now = time.monotonic()
    if _teller.told is not None and now - _teller.last < every_s:
        return 0
    told = _teller.told or {}
    moved = [head for head in heads() if told.get(head.tenant_id) != head.seq]
    for head in moved:
        logger.info("head of the audit chain of %s: %s", head.slug, head)
    _teller.told = told | {head.tenant_id: head.seq for head in moved}
    _teller.last = now
    return len(moved)
