"""Seals history: one link of its tenant's chain for each row that is final, in the order of the ids.

It follows behind the writers, so that no step waits for the head of a chain.
"""

from typing import LiteralString

from django.db import transaction

from executions.audit import horizon
from executions.audit.chain import DECISION_HASH, EVENT_HASH, NOTHING_BEFORE, Link
from executions.models import AuditLink
from safety.sql import Row, fetch, fetch_one

BATCH = 2_000  # rows a transaction
MOST = 20_000  # rows a sweep

ADVISORY_LOCK = 0x6F706175  # "opau": one transaction appends links at a time

_LOCK: LiteralString = """
SELECT pg_advisory_xact_lock(%(key)s), to_jsonb(statement_timestamp() AT TIME ZONE 'UTC') #>> '{}' AS now
"""

# Rows are sealed in the order of their ids over all tenants, so the greatest one that was sealed says it all.
_UNSEALED: dict[str, LiteralString] = {
    "event": f"""
SELECT e.id, e.tenant_id, {EVENT_HASH} AS row_hash FROM opsc_event e
WHERE e.id > (SELECT coalesce(max(row_id), 0) FROM opsc_audit_link WHERE kind = 'event') AND e.id <= %(final)s
ORDER BY e.id LIMIT %(batch)s
""",  # noqa: S608  constants only
    "decision": f"""
SELECT d.id, d.tenant_id, {DECISION_HASH} AS row_hash FROM opsc_access_decision d
WHERE d.id > (SELECT coalesce(max(row_id), 0) FROM opsc_audit_link WHERE kind = 'decision') AND d.id <= %(final)s
ORDER BY d.id LIMIT %(batch)s
""",  # noqa: S608  constants only
}

_HEADS: LiteralString = """
SELECT t.id, l.seq, encode(l.hash, 'hex') AS hash FROM unnest(%(tenants)s::bigint[]) AS t(id)
CROSS JOIN LATERAL (SELECT seq, hash FROM opsc_audit_link WHERE tenant_id = t.id ORDER BY seq DESC LIMIT 1) l
"""

_APPEND: LiteralString = """
INSERT INTO opsc_audit_link (tenant_id, seq, kind, row_id, sealed_at, row_hash, hash)
SELECT l.tenant, l.seq, %(kind)s, l.row_id, %(now)s::timestamp AT TIME ZONE 'UTC', l.row_hash, l.hash
FROM unnest(%(tenants)s::bigint[], %(seqs)s::bigint[], %(rows)s::bigint[], %(row_hashes)s::bytea[],
            %(hashes)s::bytea[]) AS l(tenant, seq, row_id, row_hash, hash)
"""

_OLDEST: LiteralString = """
SELECT extract(epoch FROM statement_timestamp() - min(at))::float AS waits_s FROM (
    (SELECT at FROM opsc_event
     WHERE id > (SELECT coalesce(max(row_id), 0) FROM opsc_audit_link WHERE kind = 'event') ORDER BY id LIMIT 1)
    UNION ALL
    (SELECT at FROM opsc_access_decision
     WHERE id > (SELECT coalesce(max(row_id), 0) FROM opsc_audit_link WHERE kind = 'decision') ORDER BY id LIMIT 1)
) unsealed
"""

_OWNED: LiteralString = """
SELECT bool_or(pg_has_role(c.relowner, 'MEMBER')
               OR has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
               OR has_table_privilege(c.oid, 'TRUNCATE')) AS owned
FROM pg_class c
WHERE c.oid IN ('opsc_event'::regclass, 'opsc_access_decision'::regclass, 'opsc_audit_link'::regclass)
"""


def seal(most: int = MOST) -> int:
    """Append links for what has become final, at most about `most` rows; how many it were."""
    final = horizon.final()
    sealed = 0
    for kind in AuditLink.Kind:
        found = BATCH
        while found == BATCH and sealed < most:
            found = _seal_batch(kind, final[kind])
            sealed += found
    return sealed


def waits_s() -> float | None:
    """How long the oldest row has been waiting to be sealed; none when all are."""
    row = fetch_one(_OLDEST)
    return row["waits_s"] if row else None


def could_be_rewritten() -> bool:
    """Whether this account of the database has more rights to history than to read it and to add to it."""
    row = fetch_one(_OWNED)
    return row is None or bool(row["owned"])


def _seal_batch(kind: str, final: int) -> int:
    with transaction.atomic():
        now = fetch(_LOCK, {"key": ADVISORY_LOCK})[0]["now"]
        rows = fetch(_UNSEALED[kind], {"final": final, "batch": BATCH})
        if rows:
            _append(kind, now, rows)
    return len(rows)


def _append(kind: str, now: str, rows: list[Row]) -> None:
    tenants = [row["tenant_id"] for row in rows]
    found = fetch(_HEADS, {"tenants": sorted(set(tenants))})
    heads: dict[int, tuple[int, str]] = {head["id"]: (head["seq"], head["hash"]) for head in found}
    seqs, hashes = [], []
    for row in rows:
        seq, previous = heads.get(row["tenant_id"], (0, NOTHING_BEFORE))
        link = Link(
            tenant_id=row["tenant_id"],
            seq=seq + 1,
            kind=kind,
            row_id=row["id"],
            sealed_at=now,
            row_hash=row["row_hash"].hex(),
        )
        heads[row["tenant_id"]] = (link.seq, link.hash_after(previous))
        seqs.append(link.seq)
        hashes.append(bytes.fromhex(heads[row["tenant_id"]][1]))
    parameters = {
        "kind": kind,
        "now": now,
        "tenants": tenants,
        "seqs": seqs,
        "rows": [row["id"] for row in rows],
        "row_hashes": [row["row_hash"] for row in rows],
        "hashes": hashes,
    }
    fetch(_APPEND, parameters)
