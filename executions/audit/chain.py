"""What is hashed: the canonical form of a row, and the links that chain the rows of a tenant.

Row: one JSON object of its columns, as PostgreSQL writes `jsonb` (keys by length and then by bytes, `", "` and
`": "` between, numbers as stored, UTF-8); a time is in UTC without an offset. Its SHA-256 is the row's hash.

Link: the line of `link_line`, in ASCII and without an end of line. Its SHA-256 is the link's hash. `previous` is the
hash of the link before, or sixty-four zeros for the first.

docs/security.md says how to check both by hand. Whoever changes what is hashed raises FORMAT and keeps the old form.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import LiteralString

from executions.models import AuditLink

FORMAT = 1
NOTHING_BEFORE = "0" * 64

EVENT_FORM: LiteralString = """
jsonb_build_object(
    'kind', 'event', 'id', e.id, 'tenant_id', e.tenant_id, 'execution_id', e.execution_id,
    'step_run_id', e.step_run_id, 'type', e.type, 'from_status', e.from_status, 'to_status', e.to_status,
    'actor_kind', e.actor_kind, 'actor', e.actor, 'trace_id', e.trace_id, 'data', e.data,
    'at', e.at AT TIME ZONE 'UTC')::text
"""

DECISION_FORM: LiteralString = """
jsonb_build_object(
    'kind', 'decision', 'id', d.id, 'tenant_id', d.tenant_id, 'actor_id', d.actor_id, 'question', d.question,
    'environment', d.environment, 'asset_id', d.asset_id, 'execution_id', d.execution_id,
    'step_run_id', d.step_run_id, 'allowed', d.allowed, 'reason', d.reason, 'at', d.at AT TIME ZONE 'UTC')::text
"""

EVENT_HASH: LiteralString = f"sha256(convert_to({EVENT_FORM}, 'UTF8'))"
DECISION_HASH: LiteralString = f"sha256(convert_to({DECISION_FORM}, 'UTF8'))"

# A time as a link's line has it; of `l.sealed_at`.
SEALED_AT: LiteralString = "to_jsonb(l.sealed_at AT TIME ZONE 'UTC') #>> '{}'"

KINDS = tuple(AuditLink.Kind)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link as it is hashed. The hashes are hexadecimal; sealed_at: as SEALED_AT writes it."""

    tenant_id: int
    seq: int
    kind: str
    row_id: int
    sealed_at: str
    row_hash: str

    def hash_after(self, previous: str) -> str:
        """Its hash, when the one before has the hash `previous`."""
        return sha256(self.line(previous).encode()).hexdigest()

    def line(self, previous: str) -> str:
        """What is hashed."""
        return (
            f"opsc-audit {FORMAT} {self.tenant_id} {self.seq} {self.kind} {self.row_id} {self.sealed_at} "
            f"{self.row_hash} {previous}"
        )
