"""Walks one chain from its first link to its last and compares each link with the row that it seals."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import LiteralString

from executions.audit.chain import DECISION_HASH, EVENT_HASH, NOTHING_BEFORE, SEALED_AT, Link
from safety.sql import Row, fetch

BATCH = 5_000
BEFORE_ALL = -(2**63)
CLOCK_S = 120.0  # rows are written within a statement, which takes 30 s at most; clocks are set meanwhile

_WALK: LiteralString = f"""
SELECT l.seq, l.kind, l.row_id, {SEALED_AT} AS sealed_at, encode(l.row_hash, 'hex') AS row_hash,
       encode(l.hash, 'hex') AS hash, encode(coalesce(r.row_hash, s.row_hash), 'hex') AS row_now,
       extract(epoch FROM coalesce(r.at, s.at))::float AS at_s, extract(epoch FROM l.sealed_at)::float AS sealed_s
FROM (SELECT * FROM opsc_audit_link WHERE tenant_id = %(tenant)s AND seq > %(after)s ORDER BY seq LIMIT %(batch)s) l
LEFT JOIN LATERAL (SELECT {EVENT_HASH} AS row_hash, e.at FROM opsc_event e
                   WHERE l.kind = 'event' AND e.id = l.row_id) r ON true
LEFT JOIN LATERAL (SELECT {DECISION_HASH} AS row_hash, d.at FROM opsc_access_decision d
                   WHERE l.kind = 'decision' AND d.id = l.row_id) s ON true
ORDER BY l.seq
"""  # noqa: S608  constants only


@dataclass(frozen=True)
class Finding:
    """One proof that history is not what was sealed. `place`: a link or a row."""

    code: str
    tenant: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"error[{self.code}] {self.tenant}, {self.place}: {self.message}"


@dataclass
class Walk:
    """The chain of one tenant. After `findings`, `links` and `head` say how far it reaches.

    wanted: hashes that were kept elsewhere, by the number of their link.
    """

    tenant_id: int
    tenant: str
    wanted: dict[int, str] = field(default_factory=dict)
    links: int = 0
    seq: int = 0
    head: str = NOTHING_BEFORE
    # The hash that the last link has; when it is wrong, also the ones that it could have had before it was changed.
    _before: tuple[str, ...] = (NOTHING_BEFORE,)
    _rows: dict[str, int] = field(default_factory=dict)
    _latest_s: dict[str, float] = field(default_factory=dict)

    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong, in the order of the chain, with the memory of one batch."""
        after = BEFORE_ALL
        while rows := fetch(_WALK, {"tenant": self.tenant_id, "after": after, "batch": BATCH}):
            for row in rows:
                expected = self._expected(row)
                yield from self._of_link(row, expected)
                yield from self._of_row(row)
                self._move_on(row, expected)
            after = rows[-1]["seq"]
        for seq in sorted(self.wanted):
            if seq > self.seq:
                yield self._finding(
                    "tail.cut", f"link {seq}", f"the chain ends at {self.seq}; what came after was removed"
                )

    def _of_link(self, row: Row, expected: list[str]) -> Iterator[Finding]:
        place, next_seq = f"link {row['seq']}", self.seq + 1
        if row["seq"] > next_seq:
            missing = f"link {next_seq}" + (f" to {row['seq'] - 1}" if row["seq"] > next_seq + 1 else "")
            yield self._finding("link.removed", missing, "is not there")
        elif row["seq"] < next_seq:
            yield self._finding(
                "link.inserted", place, "there is another link of this number, or none may be"
            )
        elif row["hash"] not in expected:
            yield self._finding(
                "link.changed", place, "its hash is not that of its content and the link before"
            )
        if row["row_id"] <= self._rows.get(row["kind"], BEFORE_ALL):
            yield self._finding(
                "link.inserted", place, "its row is older than the one that was sealed before"
            )
        if self.wanted.get(row["seq"], row["hash"]) != row["hash"]:
            message = f"has the hash {row['hash']}, which is not the one that was kept"
            yield self._finding("head.differs", place, message)

    def _of_row(self, row: Row) -> Iterator[Finding]:
        place = f"{row['kind']} {row['row_id']}"
        if row["row_now"] is None:
            yield self._finding("row.removed", place, f"link {row['seq']} sealed it, and it is not there")
            return
        if row["row_now"] != row["row_hash"]:
            yield self._finding("row.changed", place, f"is not what link {row['seq']} sealed")
            return
        at_s: float = row["at_s"]
        latest_s = self._latest_s.get(row["kind"], at_s)
        if at_s > row["sealed_s"] + CLOCK_S:
            yield self._finding("row.misdated", place, f"is dated after link {row['seq']} sealed it")
        elif at_s < latest_s - CLOCK_S:
            message = f"is dated before rows that were written before it (link {row['seq']})"
            yield self._finding("row.misdated", place, message)
        else:
            self._latest_s[row["kind"]] = max(at_s, latest_s)

    def _expected(self, row: Row) -> list[str]:
        names = ("seq", "kind", "row_id", "sealed_at", "row_hash")
        link = Link(tenant_id=self.tenant_id, **{name: row[name] for name in names})
        return [link.hash_after(before) for before in self._before]

    def _move_on(self, row: Row, expected: list[str]) -> None:
        """After a gap nothing is known of the link before, so the next one is taken as it is."""
        self.links += 1
        self._rows[row["kind"]] = max(row["row_id"], self._rows.get(row["kind"], BEFORE_ALL))
        is_next = row["seq"] == self.seq + 1
        if row["seq"] > self.seq:
            self.seq, self.head = row["seq"], row["hash"]
            changed = is_next and row["hash"] not in expected
            self._before = (row["hash"], *expected) if changed else (row["hash"],)

    def _finding(self, code: str, place: str, message: str) -> Finding:
        return Finding(code, self.tenant, place, message)
