"""What real workers wrote is sealed, leaves as a file that verifies elsewhere, and no change of it goes unseen."""

from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection

from executions.models import AuditLink, Event
from safety.choices import Role
from tests import factories
from tests.commands import Ended, ended, environment, start
from tests.e2e.people.held import PATIENCE_S, approve, begins, held, signed_in
from tests.fleet import Fleet
from tests.world import World, until

# Nothing of ours is there where somebody else reads the file.
ELSEWHERE = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "RABBITMQ_URL": "amqp://127.0.0.1:1/"}


@pytest.fixture
def run(world: World, fleet: Fleet, tmp_path: Path) -> UUID:
    """It was approved, ran on a worker, and the scheduler has sealed what there is to tell."""
    world.here()
    one = held(world, tmp_path, approval_level=2)
    approve(world.tom, one)
    begins(one).let_go()
    one.ends_as("succeeded")
    done = Event.objects.filter(type="execution.succeeded").values_list("pk", flat=True)
    until(lambda: AuditLink.objects.filter(kind="event", row_id__in=done).exists(), PATIENCE_S)
    return one.execution_id


def command(*given: object, **more: str) -> Ended:
    return ended(start(*given, env=environment(**more)), 60)


def test_evidence_from_the_page_verifies_where_nothing_of_ours_is(
    world: World, run: UUID, tmp_path: Path
) -> None:
    auditor = factories.a_person("audi", Role.AUDITOR, tenant=world.acme)
    assert signed_in(world.olga).get(f"/executions/{run}/evidence.jsonl").status_code == 403
    answer = signed_in(auditor).get(f"/executions/{run}/evidence.jsonl")
    content = b"".join(answer.streaming_content)
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(content)
    whole = command("verify_evidence", path, **ELSEWHERE)
    assert (whole.code, whole.out.splitlines()[-1]) == (0, "whole"), whole.err
    assert "approval hash  whole" in whole.out
    for word in (b"tom", b"succeeded", b"approval.approved"):
        assert word in content
        path.write_bytes(content.replace(word, word.swapcase(), 1))
        broken = command("verify_evidence", path, **ELSEWHERE)
        assert (broken.code, "BROKEN" in broken.out) == (1, True)


def test_what_the_owner_of_the_tables_changes_is_named(world: World, run: UUID) -> None:
    assert command("verify_audit").code == 0
    event = Event.objects.get(type="approval.approved", execution=run)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE opsc_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE opsc_event SET actor = 'nina' WHERE id = %s", [event.pk])
        cursor.execute("ALTER TABLE opsc_event ENABLE TRIGGER USER")
    told = command("verify_audit")
    assert told.code == 1
    assert "row.changed" in told.out + told.err
    assert str(event.pk) in told.out + told.err
