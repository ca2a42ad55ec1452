"""The evidence of one execution as lines of JSON: what was planned, approved, decided, done and said, with hashes.

Each line is one object in ASCII whose `line` says what it is, in this order: `evidence`, `execution`, `plan`,
`approval`, `step` (each), then each `step_run` behind the `output` of it and of some others, then each `event` and
`decision` as it was hashed, with its link, and between them `link`, the bare links of other rows; `head`, `end`. The
last line counts those before it and has their SHA-256, so that no byte can change unseen. `offline.py` checks it all.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from executions.audit import evidence_rows, sealing
from executions.audit.evidence_history import history_lines, span_of
from executions.models import Execution
from executions.rights import records_refusals, require
from safety import wall
from safety.choices import Permission

FORMAT = 1
SEAL_TRIES = 4


@dataclass(frozen=True)
class Written:
    """What was written: lines, the SHA-256 of the whole file, and the head of the chain it refers to ("" without)."""

    lines: int
    sha256: str
    head: str


def file_name(execution: Execution) -> str:
    """What a file of its evidence is called."""
    return f"evidence-{execution.short_id}.jsonl"


def as_line(document: dict[str, Any]) -> bytes:
    """One line of the file. Whatever the texts hold, a terminal sees printable ASCII."""
    return json.dumps(document, separators=(",", ":"), default=str).encode("ascii") + b"\n"


@records_refusals
def require_reader(execution: Execution, user: User) -> None:
    """Go on only when the person may export evidence of this tenant. Raises NotAllowed, on record."""
    require(user, Permission.READ_AUDIT, execution, "Evidence is for those who may read the audit.")


def write(execution_id: UUID, *, person: str, file: IO[bytes]) -> Written:
    """Write the evidence of an execution that `person` may see; everything as of one moment.

    Events of the last seconds are sealed first, as far as other writers allow. Memory stays that of a few hundred
    step runs, whatever the size of the run.
    """
    with wall.lowered():  # the rows of all tenants are sealed in one order
        for _ in range(SEAL_TRIES):
            if not sealing.seal():
                break
    whole, count, head = sha256(), 0, ""
    for document in _documents(execution_id, person):
        line = as_line(document)
        whole.update(line)
        file.write(line)
        count += 1
        if document["line"] == "head" and document["seq"]:
            head = f"{document['seq']}:{document['hash']}"
    last = as_line({"line": "end", "lines": count, "sha256": whole.hexdigest()})
    whole.update(last)
    file.write(last)
    return Written(count + 1, whole.hexdigest(), head)


def _documents(execution_id: UUID, person: str) -> Iterator[dict[str, Any]]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        execution = Execution.objects.select_related("tenant", "requested_by").get(pk=execution_id)
        span = span_of(execution)
        yield {
            "line": "evidence",
            "format": FORMAT,
            "software": f"OpsConductor {settings.OPSC_VERSION}",
            "execution": execution.pk,
            "tenant": {"id": execution.tenant_id, "slug": execution.tenant.slug},
            "exported_at": evidence_rows.now(),
            "exported_by": person,
            "chain": span.reaches,
        }
        steps = evidence_rows.steps_of(execution)
        yield evidence_rows.execution_line(execution, steps)
        yield {"line": "plan", "text": execution.plan}
        yield from evidence_rows.approval_lines(execution)
        yield from steps
        yield from evidence_rows.run_lines(execution)
        yield from history_lines(execution, span)
        yield {"line": "head", "seq": span.head, "hash": span.head_hash}
