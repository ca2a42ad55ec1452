"""The evidence of one execution: one file that says everything, and that verifies where no database is."""

import io
import json
import random
import subprocess
import tempfile
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client

from executions import approvals, control
from executions.audit import evidence, sealing
from executions.audit.offline import Evidence
from executions.models import Event, Execution
from safety.models import AccessDecision
from tests import factories
from tests.commands import ended, environment, manage, start
from tests.world import World, script, wait_step, work_until_over

NOWHERE = "postgres://nobody@127.0.0.1:1/none"
HOSTILE = 'printf \'\\033]0;title\\007<script>alert(1)</script>\\n{"line":"end"}\\nüß\\342\\200\\256\\n\''


@pytest.fixture
def run(world: World, working: None) -> UUID:
    """A run on two targets that needed an approval, said something hostile and is over and sealed."""
    world.here("one"), world.here("two")
    submitted = world.submit(
        script(HOSTILE, targets=["one", "two"], action_class="deploy"), wait_step(), targets=["one"]
    )
    execution = Execution.objects.get(pk=submitted.execution_id)
    if execution.status == "pending_approval":
        approvals.approve(execution.pk, user=world.tom, approval_hash=execution.approval_hash, comment="go")
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


def test_the_file_says_everything_and_verifies_without_a_database(
    world: World, run: UUID, tmp_path: Path
) -> None:
    place = tmp_path / "run.jsonl"
    answer = manage("evidence", str(run)[:8], "--out", place, "--as", "olga", "--json")
    assert answer.code == 0
    assert answer.json["sha256"] == sha256(place.read_bytes()).hexdigest()
    assert place.stat().st_mode & 0o777 == 0o600
    said = documents(place.read_bytes())
    execution = Execution.objects.get(pk=run)
    assert of("plan", said)["text"] == execution.plan
    assert of("execution", said)["approval_hash_is"] == "whole"
    assert (
        sum(document["line"] == "event" for document in said) == Event.objects.filter(execution=run).count()
    )
    decided = AccessDecision.objects.filter(execution_id=run).count()
    assert sum(document["line"] == "decision" for document in said) == decided > 0
    assert of("decision", said)["actor"] == "olga"
    assert "<script>" in "".join(document["text"] for document in said if document["line"] == "output")

    env = environment(DATABASE_URL=NOWHERE)
    checked = ended(start("verify_evidence", place, "--json", env=env))
    assert (checked.code, checked.err) == (0, "")
    assert checked.json["whole"]
    assert checked.json["not_sealed"] == 0
    assert checked.json["sealed"] == checked.json["events"] + checked.json["decisions"] > 10
    assert checked.json["head"] == answer.json["head"]
    assert manage("verify_audit", "--tenant", "acme", "--head", answer.json["head"]).code == 0


def test_without_a_configured_database_none_is_started(run: UUID, tmp_path: Path) -> None:
    place = tmp_path / "run.jsonl"
    place.write_bytes(exported(run))
    env = environment(OPSC_DATA_DIR=str(tmp_path / "data"))
    del env["DATABASE_URL"]
    people = ended(start("verify_evidence", place, env=env))
    assert people.code == 0
    assert people.out.endswith("whole\n")
    assert not (tmp_path / "data").exists()


def test_any_changed_byte_is_found(run: UUID) -> None:
    content = exported(run)
    assert doubts(content) == []
    last = content.rindex(b"\n", 0, -1) + 1
    places = {*random.Random(7).sample(range(last), 250), *range(last, len(content))}
    for place in places:
        for byte in {content[place] ^ 1, ord(" ")} - {content[place]}:
            changed = content[:place] + bytes([byte]) + content[place + 1 :]
            assert doubts(changed), (place, changed[place - 20 : place + 20])


def test_a_cut_or_longer_file_is_found(run: UUID) -> None:
    content = exported(run)
    lines = content.splitlines(keepends=True)
    assert "file.cut" in doubts(b"".join(lines[:-1]))
    assert doubts(content[:-1])
    assert doubts(content + lines[-1]) == ["file.changed"]
    assert doubts(content + b"\n") == ["file.changed"]
    assert doubts(b"")
    assert doubts(b"\x00\xff\n[]\n")
    assert doubts(b'{"line":"evidence"}\n{"line":"execution"}\n{"line":"head"}\n')


FORGERIES: dict[str, tuple[str, Any]] = {
    "plan": ("plan.changed", lambda said: of("plan", said).update(text="{}")),
    "approval": ("approval.differs", lambda said: of("approval", said).update(approval_hash="0" * 64)),
    "risk": ("approval.differs", lambda said: of("step", said).update(action_class="read")),
    "command": ("approval.differs", lambda said: of("step", said)["spec"].update(kind="command")),
    "target": ("approval.differs", lambda said: of("step", said)["targets"].pop()),
    "output": ("output.changed", lambda said: of("output", said).update(text="all is well")),
    "no output": ("output.changed", lambda said: said.remove(of("output", said))),
    "no step run": ("step_run.differs", lambda said: said.remove(of("step_run", said))),
    "row": ("row.changed", lambda said: _reword(of("event", said, 2))),
    "decision": ("row.changed", lambda said: _reword(of("decision", said))),
    "link": ("link.changed", lambda said: of("event", said)["link"].update(hash="0" * 64)),
    "link's time": (
        "link.changed",
        lambda said: of("event", said)["link"].update(sealed_at="2020-01-01T00:00:00"),
    ),
    "of another run": (
        "row.differs",
        lambda said: _reword(of("event", said), "execution_id", str(UUID(int=1))),
    ),
    "order": ("row.differs", lambda said: said.append(said.pop(said.index(of("event", said))))),
    "head": ("head.differs", lambda said: of("head", said).update(seq=1)),
    "no head": ("file.changed", lambda said: said.remove(of("head", said))),
    "format": ("file.unknown", lambda said: of("evidence", said).update(format=2)),
    "incomplete": ("file.changed", lambda said: of("step_run", said).pop("target")),
}


def _reword(document: dict[str, Any], name: str = "actor_id", value: Any = 1) -> None:
    document["row"] = json.dumps(json.loads(document["row"]) | {name: value}, separators=(", ", ": "))


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forger_who_makes_the_end_anew_is_found_too(run: UUID, what: str) -> None:
    code, change = FORGERIES[what]
    content = exported(run)
    assert forged(content, lambda said: None) == content
    assert code in doubts(forged(content, change))


def test_a_retry_of_what_failed_is_bound_to_a_part_of_what_was_approved(world: World, working: None) -> None:
    world.here("one"), world.here("two")
    first = world.submit(script('test "$(cat; echo x)" = y', targets=["one"]), wait_step(), targets=["one"])
    assert work_until_over(first.execution_id) == "failed"
    again = control.retry(first.execution_id, user=world.olga, failed_only=True, confirmed=True)
    work_until_over(again.execution_id)
    content = exported(again.execution_id)
    assert of("execution", documents(content))["approval_hash_is"] == "narrowed"
    assert doubts(content) == []
    assert "approval.differs" in doubts(
        forged(content, lambda said: of("execution", said).update(approval_of="0" * 64))
    )


def test_by_hand_as_the_page_says(run: UUID, tmp_path: Path) -> None:
    (tmp_path / "evidence-3f2a91c0.jsonl").write_bytes(exported(run))
    page = (Path(__file__).parents[2] / "docs/security.md").read_text()
    lines = page.split("<!-- by hand -->\n```sh\n")[1].split("```")[0]
    answer = subprocess.run(["bash", "-euc", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    hashes = answer.stdout.split()
    assert hashes[0] == hashes[1] == of("end", documents(exported_again(tmp_path)))["sha256"]
    assert answer.stdout.count("True") == Event.objects.filter(execution=run).count() + (
        AccessDecision.objects.filter(execution_id=run).count()
    )
    assert "False" not in answer.stdout


def exported_again(folder: Path) -> bytes:
    return (folder / "evidence-3f2a91c0.jsonl").read_bytes()


def test_what_is_not_sealed_yet_is_there_and_said(world: World, run: UUID) -> None:
    sealing.seal()
    writer = connection.copy()
    try:
        writer.set_autocommit(False)
        writer.cursor().execute("LOCK TABLE opsc_event IN ROW EXCLUSIVE MODE")  # somebody writes meanwhile
        factories.an_event(Execution.objects.get(pk=run), "lock.force_released")
        found = Evidence(io.BytesIO(exported(run)))
    finally:
        writer.close()
    assert list(found.doubts()) == []
    assert found.unsealed == 1


def test_a_large_run_needs_no_memory_for_all_of_it(world: World) -> None:
    execution = factories.an_execution(world.olga, tenant=world.acme)
    step_run = factories.a_step_run(factories.a_step(execution), attempt=1)
    factories.output(step_run, *("x" * 65_536 for _ in range(640)))
    with tempfile.TemporaryFile() as file:
        tracemalloc.start()
        evidence.write(execution.pk, person="olga", file=file)
        file.seek(0)
        found = [doubt.code for doubt in Evidence(file).doubts()]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert file.tell() > 40 * 2**20
    assert found == ["approval.differs"]  # the factory's approval hash is that of nothing
    assert peak < 12 * 2**20


def test_others_get_no_evidence(world: World, run: UUID, tmp_path: Path) -> None:
    answer = manage("evidence", run, "--out", tmp_path / "x", "--as", "nina")
    assert answer.code == 2
    assert "There is no execution" in answer.err
    assert list(tmp_path.iterdir()) == []
    client = Client()
    address = f"/executions/{run}/evidence.jsonl"
    assert client.get(address).status_code == 302
    client.force_login(world.nina)
    assert client.get(address).status_code == 404


def test_a_file_that_is_there_is_not_overwritten(world: World, run: UUID, tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.write_text("mine")
    answer = manage("evidence", run, "--out", place, "--as", "olga")
    assert (answer.code, place.read_text()) == (2, "mine")
    assert "is there already" in answer.err
    assert manage("evidence", run, "--out", tmp_path / "no/where", "--as", "olga").code == 2
    assert manage("verify_evidence", tmp_path / "none").code == 2


def test_the_page_links_to_it_and_serves_it_as_a_file(world: World, run: UUID) -> None:
    client = Client()
    client.force_login(world.tom)
    address = f"/executions/{run}/evidence.jsonl"
    assert address in client.get(f"/executions/{run}/").content.decode()
    answer = client.get(address)
    content = b"".join(answer.streaming_content)
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert int(answer.headers["Content-Length"]) == len(content)
    assert doubts(content) == []
    assert of("evidence", documents(content))["exported_by"] == "tom"
    assert content.isascii()


def test_an_asynchronous_server_sends_it_in_pieces(world: World, run: UUID) -> None:
    client = AsyncClient()
    client.force_login(world.tom)

    async def pieces() -> list[bytes]:
        answer = await client.get(f"/executions/{run}/evidence.jsonl")
        return [piece async for piece in answer.streaming_content]

    assert doubts(b"".join(async_to_sync(pieces)())) == []
