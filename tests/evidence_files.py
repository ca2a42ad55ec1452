"""Files of evidence: made, read, and forged."""

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from executions import approvals
from executions.audit import evidence
from executions.audit.chain import Link
from executions.audit.offline import Evidence
from executions.fresh import BY_COMMAND
from executions.models import Execution
from tests.world import World, script, wait_step, work_until_over

HOSTILE = 'printf \'\\033]0;title\\007<script>alert(1)</script>\\n{"line":"end"}\\nüß\\342\\200\\256\\n\''


def a_finished_run(world: World) -> UUID:
    """A run on two targets that needed an approval, said something hostile and is over and sealed."""
    world.here("one"), world.here("two")
    submitted = world.submit(
        script(HOSTILE, targets=["one", "two"], action_class="deploy"), wait_step(), targets=["one"]
    )
    execution = Execution.objects.get(pk=submitted.execution_id)
    if execution.status == "pending_approval":
        approvals.approve(
            execution.pk,
            user=world.tom,
            approval_hash=execution.approval_hash,
            signed_in=BY_COMMAND,
            comment="go",
        )
    assert work_until_over(execution.pk) == "succeeded"
    return execution.pk


def exported(execution_id: UUID) -> bytes:
    file = io.BytesIO()
    evidence.write(execution_id, person="olga", file=file)
    return file.getvalue()


def documents(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def doubts(content: bytes) -> list[str]:
    return [doubt.code for doubt in Evidence(io.BytesIO(content)).doubts()]


def forged(content: bytes, change: Any) -> bytes:
    """With one change, and the end line made anew."""
    changed = documents(content)[:-1]
    change(changed)
    body = b"".join(evidence.as_line(document) for document in changed)
    return body + evidence.as_line({"line": "end", "lines": len(changed), "sha256": sha256(body).hexdigest()})


def of(kind: str, documents: list[dict[str, Any]], number: int = 0) -> dict[str, Any]:
    return [document for document in documents if document["line"] == kind][number]


def reword(document: dict[str, Any], name: str = "actor_id", value: Any = 1) -> None:
    document["row"] = json.dumps(json.loads(document["row"]) | {name: value}, separators=(", ", ": "))


def forge_all(place: Path) -> None:
    """Another actor in an event, and every hash after it made anew."""
    said = documents(place.read_bytes())[:-1]
    changed, previous = of("event", said, 3), None
    reword(changed, "actor", "nobody")
    changed["link"]["row_hash"] = sha256(changed["row"].encode()).hexdigest()
    for document in said:
        if link := document.get("link"):
            row_id = document["row_id"] if document["line"] == "link" else json.loads(document["row"])["id"]
            link["previous"] = previous or link["previous"]
            kind = document.get("kind") or document["line"]
            names = ("tenant_id", "seq", "sealed_at", "row_hash")
            sealed = Link(kind=kind, row_id=row_id, **{name: link[name] for name in names})
            previous = link["hash"] = sealed.hash_after(link["previous"])
    of("head", said)["hash"] = previous
    body = b"".join(evidence.as_line(document) for document in said)
    place.write_bytes(
        body + evidence.as_line({"line": "end", "lines": len(said), "sha256": sha256(body).hexdigest()})
    )
