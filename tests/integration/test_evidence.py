"""The evidence of one execution: one file that says everything, and that verifies where no database is."""

import io
import subprocess
import tempfile
import tracemalloc
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client

from executions.audit import evidence, sealing
from executions.audit.offline import Evidence
from executions.models import Event, Execution
from safety.choices import Role
from safety.models import AccessDecision, Membership
from tests import factories
from tests.commands import ended, environment, manage, start
from tests.evidence_files import a_finished_run, documents, doubts, exported, of
from tests.world import World, in_threads

NOWHERE = "postgres://nobody@127.0.0.1:1/none"


@pytest.fixture
def run(world: World, working: None) -> UUID:
    """A run that needed an approval, said something hostile and is over; Olga and Tom are auditors, too."""
    for person in (world.olga, world.tom):
        Membership.objects.create(tenant=world.acme, user=person, role=Role.AUDITOR)
    return a_finished_run(world)


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


def test_by_hand_as_the_page_says(run: UUID, tmp_path: Path) -> None:
    (tmp_path / "evidence-3f2a91c0.jsonl").write_bytes(exported(run))
    page = (Path(__file__).parents[2] / "docs/security.md").read_text()
    lines = page.split("<!-- by hand -->\n```sh\n")[1].split("```")[0]
    answer = subprocess.run(["bash", "-euc", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    hashes = answer.stdout.split()
    assert (
        hashes[0]
        == hashes[1]
        == of("end", documents((tmp_path / "evidence-3f2a91c0.jsonl").read_bytes()))["sha256"]
    )
    assert answer.stdout.count("True") == Event.objects.filter(execution=run).count() + (
        AccessDecision.objects.filter(execution_id=run).count()
    )
    assert "False" not in answer.stdout


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

    (found,) = in_threads(1, lambda _: async_to_sync(pieces)())  # this thread may have a browser's event loop
    assert doubts(b"".join(found)) == []
