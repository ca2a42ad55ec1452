"""The events and access decisions of one execution as they were hashed, and the stretch of the chain they are in.

With the bare links between and after them, the stretch can be followed without a database to a head that somebody kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

from django.contrib.auth.models import User

from executions.audit.chain import DECISION_FORM, EVENT_FORM, NOTHING_BEFORE, SEALED_AT
from executions.models import Execution
from safety.sql import Row, fetch, fetch_one

ROWS_AT_ONCE = 1_000
MOST_LINKS = 200_000  # of a stretch; about 300 bytes each

TO_HEAD, TO_LAST, WITH_GAPS = "to the head", "to the last row", "with gaps"

Document = dict[str, Any]

_LINK: LiteralString = f"""
l.tenant_id, l.seq, l.kind, l.row_id, {SEALED_AT} AS sealed_at, encode(l.row_hash, 'hex') AS row_hash,
encode(l.hash, 'hex') AS hash
"""

# The chain follows the ids of each kind, so the first row and the last one that was sealed have its ends.
_SPAN: LiteralString = """
WITH ends AS (
    SELECT 'event' AS kind, min(id) AS first, max(id) FILTER (WHERE id <= (
        SELECT max(row_id) FROM opsc_audit_link WHERE kind = 'event')) AS last
    FROM opsc_event WHERE execution_id = %(execution)s AND tenant_id = %(tenant)s
    UNION ALL
    SELECT 'decision', min(id), max(id) FILTER (WHERE id <= (
        SELECT max(row_id) FROM opsc_audit_link WHERE kind = 'decision'))
    FROM opsc_access_decision WHERE execution_id = %(execution)s AND tenant_id = %(tenant)s
)
SELECT min(f.seq) AS first, max(t.seq) AS last
FROM ends LEFT JOIN opsc_audit_link f ON f.kind = ends.kind AND f.row_id = ends.first
LEFT JOIN opsc_audit_link t ON t.kind = ends.kind AND t.row_id = ends.last
"""

_AT: LiteralString = """
SELECT seq, encode(hash, 'hex') AS hash FROM opsc_audit_link
WHERE tenant_id = %(tenant)s AND seq <= %(seq)s ORDER BY seq DESC LIMIT 1
"""

_STRETCH: LiteralString = f"""
SELECT coalesce(e.row, d.row) AS row, d.actor_id, {_LINK} FROM (
    SELECT * FROM opsc_audit_link WHERE tenant_id = %(tenant)s AND seq > %(after)s AND seq <= %(last)s
    ORDER BY seq LIMIT %(most)s) l
LEFT JOIN LATERAL (SELECT {EVENT_FORM} AS row FROM opsc_event e
    WHERE l.kind = 'event' AND e.id = l.row_id AND e.execution_id = %(execution)s AND e.tenant_id = %(tenant)s
    ) e ON true
LEFT JOIN LATERAL (SELECT {DECISION_FORM} AS row, d.actor_id FROM opsc_access_decision d
    WHERE l.kind = 'decision' AND d.id = l.row_id AND d.execution_id = %(execution)s AND d.tenant_id = %(tenant)s
    ) d ON true
ORDER BY l.seq
"""  # noqa: S608  constants only

_OWN: dict[str, LiteralString] = {
    "event": f"""
SELECT e.id, {EVENT_FORM} AS row, NULL::bigint AS actor_id, {_LINK}, encode(p.hash, 'hex') AS previous FROM (
    SELECT * FROM opsc_event WHERE execution_id = %(execution)s AND tenant_id = %(tenant)s AND id > %(after)s
    ORDER BY id LIMIT %(most)s) e
LEFT JOIN opsc_audit_link l ON l.kind = 'event' AND l.row_id = e.id
LEFT JOIN opsc_audit_link p ON p.tenant_id = l.tenant_id AND p.seq = l.seq - 1 ORDER BY e.id
""",  # noqa: S608  constants only
    "decision": f"""
SELECT d.id, {DECISION_FORM} AS row, d.actor_id, {_LINK}, encode(p.hash, 'hex') AS previous FROM (
    SELECT * FROM opsc_access_decision
    WHERE execution_id = %(execution)s AND tenant_id = %(tenant)s AND id > %(after)s ORDER BY id LIMIT %(most)s) d
LEFT JOIN opsc_audit_link l ON l.kind = 'decision' AND l.row_id = d.id
LEFT JOIN opsc_audit_link p ON p.tenant_id = l.tenant_id AND p.seq = l.seq - 1 ORDER BY d.id
""",  # noqa: S608  constants only
}


@dataclass(frozen=True)
class Span:
    """A stretch of a chain, from the link `first` to `end`, and the head. Nothing was sealed: zeros.

    reaches: TO_HEAD, TO_LAST where the head is too far, WITH_GAPS where the last row is: then without other links.
    """

    first: int
    end: int
    head: int
    head_hash: str

    @property
    def reaches(self) -> str:
        if self.first and not self.end:
            return WITH_GAPS
        return TO_HEAD if self.end == self.head else TO_LAST


def span_of(execution: Execution) -> Span:
    """Where its rows are in the chain of its tenant."""
    found = fetch(_SPAN, {"execution": execution.pk, "tenant": execution.tenant_id})[0]
    at = {"tenant": execution.tenant_id, "seq": 2**62}
    head = fetch_one(_AT, at) or {"seq": 0, "hash": NOTHING_BEFORE}
    first = found["first"] or 0
    ends = [end for end in (head["seq"], found["last"] or 0) if first and end - first < MOST_LINKS]
    end = ends[0] if ends else 0 if first else head["seq"]
    return Span(first, end, head["seq"], head["hash"])


def history_lines(execution: Execution, span: Span) -> Iterator[Document]:
    """Each event and access decision with its link, in the order of the chain; then what is not sealed yet."""
    people = _People()
    if span.reaches == WITH_GAPS:
        yield from (people.named(document) for document in _own(execution))
        return
    if span.first:
        yield from (people.named(document) for document in _stretch(execution, span))
    for document in _own(execution):
        if document["link"] is None or not span.first <= document["link"]["seq"] <= span.end:
            yield people.named(document)


def _stretch(execution: Execution, span: Span) -> Iterator[Document]:
    asked = {"execution": execution.pk, "tenant": execution.tenant_id, "last": span.end, "most": ROWS_AT_ONCE}
    before = fetch_one(_AT, {"tenant": execution.tenant_id, "seq": span.first - 1})
    previous = before["hash"] if before else NOTHING_BEFORE
    after = span.first - 1
    while rows := fetch(_STRETCH, asked | {"after": after}):
        for row in rows:
            link = _link(row | {"previous": previous})
            if row["row"] is None:
                yield {"line": "link", "kind": row["kind"], "row_id": row["row_id"], "link": link}
            else:
                yield {"line": row["kind"], "row": row["row"], "link": link, "actor": row["actor_id"]}
            previous = row["hash"]
        after = rows[-1]["seq"]


def _own(execution: Execution) -> Iterator[Document]:
    asked = {"execution": execution.pk, "tenant": execution.tenant_id, "most": ROWS_AT_ONCE}
    for kind, statement in _OWN.items():
        after = -1
        while rows := fetch(statement, asked | {"after": after}):
            for row in rows:
                yield {"line": kind, "row": row["row"], "link": _link(row), "actor": row["actor_id"]}
            after = rows[-1]["id"]


def _link(row: Row) -> Document | None:
    if row["seq"] is None:
        return None
    names = ("tenant_id", "seq", "sealed_at", "row_hash", "hash")
    return {name: row[name] for name in names} | {"previous": row["previous"] or NOTHING_BEFORE}


class _People:
    """Names of those about whom something was decided; each is looked up once."""

    def __init__(self) -> None:
        self._names: dict[int, str | None] = {}

    def named(self, document: Document) -> Document:
        """With a name in place of an id, where it has one."""
        actor = document.pop("actor", None)
        if document["line"] != "decision":
            return document
        if actor is not None and actor not in self._names:
            self._names[actor] = User.objects.values_list("username", flat=True).filter(pk=actor).first()
        return document | {"actor": self._names.get(actor) if actor is not None else None}
