"""`verify_audit` finds what a superuser of the database did to history, and says where."""

from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection

from executions.audit import heads, sealing, verifying, walking
from executions.models import AuditLink, Event
from safety.models import AccessDecision
from tests import factories
from tests.commands import ended, environment, manage, start
from tests.history import APPEND_ONLY, unguarded
from tests.world import World

NOWHERE = "postgres://nobody@127.0.0.1:1/none"
EVENTS, DECISIONS = 12, 5


@pytest.fixture
def sealed(world: World) -> World:
    """Twelve events and five decisions of Acme, one event of the other tenant; all sealed, Acme's links 1 to 17."""
    run = factories.an_execution(world.olga, tenant=world.acme)
    for number in range(EVENTS):
        factories.an_event(run, data={"number": number, "said": "it's <b>\n"})
    for number in range(DECISIONS):
        AccessDecision.objects.create(
            tenant_id=world.acme.pk, actor_id=world.olga.pk, question=f"run:{number}", allowed=True, reason=""
        )
    Event.objects.create(tenant=world.other, type="rbac.violation", actor_kind="user")
    assert sealing.seal() == EVENTS + DECISIONS + 1
    return world


def tamper(statement: str) -> None:
    """As the owner of the tables: guards off, then on again."""
    with ExitStack() as guards, connection.cursor() as cursor:
        for table in APPEND_ONLY:
            guards.enter_context(unguarded(table))
        cursor.execute(statement)


def findings(*arguments: object) -> list[tuple[str, str]]:
    answer = manage("verify_audit", "--json", *arguments)
    told = [(each["code"], each["place"]) for each in answer.json["findings"]]
    assert (answer.code, answer.json["whole"]) == ((1, False) if told else (0, True))
    return told


def event(number: int) -> Event:
    """The event that link `number` of Acme seals."""
    return Event.objects.get(pk=AuditLink.objects.get(tenant__slug="acme", seq=number).row_id)


def decision(number: int) -> int:
    return AuditLink.objects.get(tenant__slug="acme", seq=EVENTS + number).row_id


def test_an_untouched_history_is_whole_and_its_heads_are_told(sealed: World) -> None:
    assert findings() == []
    answer = manage("verify_audit")
    acme, other = heads.heads()
    assert answer.code == 0
    assert f"acme: 17 links, head 17:{acme.hash}" in answer.out
    assert f"other: 1 links, head 1:{other.hash}" in answer.out
    assert "18 rows in" in answer.out
    assert answer.out.endswith("whole\n")
    assert findings("--tenant", "acme", "--head", str(acme)) == []


CHANGES = {
    "actor": "actor = 'nobody'",
    "data": "data = jsonb_set(data, '{number}', '4.0')",
    "data, for a number that no float tells apart": "data = jsonb_set(data, '{number}', '4.00000000000000000001')",
    "at": "at = at + interval '1 microsecond'",
    "at, before the common era": "at = at - interval '4050 years'",
    "at, for ever": "at = 'infinity'",
    "tenant": "tenant_id = tenant_id + 1",
    "execution": "execution_id = NULL",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_event_is_named(sealed: World, change: str) -> None:
    row = event(5)
    tamper(f"UPDATE opsc_event SET {CHANGES[change]} WHERE id = {row.pk}")
    assert findings() == [("row.changed", f"event {row.pk}")]


def test_a_changed_decision_is_named(sealed: World) -> None:
    row = decision(3)
    tamper(f"UPDATE opsc_access_decision SET allowed = false WHERE id = {row}")
    assert findings() == [("row.changed", f"decision {row}")]
    assert findings("--tenant", "other") == []


def test_removed_rows_are_named(sealed: World) -> None:
    first, last, decided = event(1).pk, event(12).pk, decision(2)
    tamper(f"DELETE FROM opsc_event WHERE id IN ({first}, {last})")
    tamper(f"DELETE FROM opsc_access_decision WHERE id = {decided}")
    assert findings() == [
        ("row.removed", f"event {first}"),
        ("row.removed", f"event {last}"),
        ("row.removed", f"decision {decided}"),
    ]


def test_a_row_that_was_inserted_behind_the_sealer_is_named(sealed: World) -> None:
    old = event(4).pk
    tamper(f"UPDATE opsc_event SET id = -{old} WHERE id = {old}")
    tamper(
        f"INSERT INTO opsc_event (id, tenant_id, type, actor_kind, data) VALUES "
        f"({2**60}, {sealed.acme.pk}, 'step.started', 'user', '{{}}')"
    )
    told = findings()
    assert sorted(told) == [
        ("row.inserted", f"event -{old}"),
        ("row.inserted", f"event {2**60}"),
        ("row.removed", f"event {old}"),
    ]


@pytest.mark.parametrize(
    ("moment", "count"), [("interval '-1 hour'", 1), ("interval '1 hour'", 1), ("interval '-5 s'", 0)]
)
def test_a_row_that_is_dated_otherwise_than_its_neighbours_is_named(
    sealed: World, moment: str, count: int
) -> None:
    tamper(
        "INSERT INTO opsc_event (tenant_id, type, actor_kind, data, at) "
        f"VALUES ({sealed.acme.pk}, 'step.started', 'user', '{{}}', now() + {moment})"
    )
    sealing.seal()
    assert findings() == [("row.misdated", f"event {event(18).pk}")] * count


def link(change: str, seq: int) -> str:
    return f"{change} WHERE seq = {seq} AND tenant_id = (SELECT id FROM opsc_tenant WHERE slug = 'acme')"


def test_a_changed_link_is_named_alone(sealed: World) -> None:
    tamper(link("UPDATE opsc_audit_link SET hash = sha256('x')", 7))
    assert findings() == [("link.changed", "link 7")]


def test_a_link_with_another_row_hash_does_not_hide_a_changed_row(sealed: World) -> None:
    row = event(7)
    tamper(f"UPDATE opsc_event SET actor = 'nobody' WHERE id = {row.pk}")
    tamper(
        link(f"UPDATE opsc_audit_link SET row_hash = {hash_of_event(row.pk)}", 7)
    )  # what the row now hashes to
    assert findings() == [("link.changed", "link 7")]


def hash_of_event(row_id: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT encode({sealing.EVENT_HASH}, 'hex') FROM opsc_event e WHERE id = %s", [row_id]
        )
        return f"decode('{cursor.fetchone()[0]}', 'hex')"


def test_a_link_with_another_time_or_kind_is_named(sealed: World) -> None:
    tamper(link("UPDATE opsc_audit_link SET sealed_at = 'infinity'", 3))
    tamper(link("UPDATE opsc_audit_link SET kind = 'decision', row_id = -1", 9))
    told = findings()
    assert ("link.changed", "link 3") in told
    assert ("link.changed", "link 9") in told


def test_a_removed_link_is_named_with_the_row_that_lost_it(sealed: World) -> None:
    row = event(6).pk
    tamper(link("DELETE FROM opsc_audit_link", 6))
    assert findings() == [("link.removed", "link 6"), ("row.inserted", f"event {row}")]
    tamper(link("DELETE FROM opsc_audit_link", 7))
    assert ("link.removed", "link 6 to 7") in findings()


def test_links_that_were_closed_up_over_a_removed_row_are_named(sealed: World) -> None:
    tamper(f"DELETE FROM opsc_event WHERE id = {event(6).pk}")
    tamper(link("DELETE FROM opsc_audit_link", 6))
    for seq in range(7, 18):
        tamper(link(f"UPDATE opsc_audit_link SET seq = {seq - 1}", seq))
    told = findings()
    assert told[0] == ("link.changed", "link 6")
    assert len(told) == 11  # every one after it, too


@pytest.mark.parametrize("seq", [0, 18])
def test_an_inserted_link_is_named(sealed: World, seq: int) -> None:
    tamper(
        "INSERT INTO opsc_audit_link (tenant_id, seq, kind, row_id, sealed_at, row_hash, hash) "
        f"VALUES ({sealed.acme.pk}, {seq}, 'event', 1, now(), sha256('x'), sha256('y'))"
    )
    assert ("link.inserted" if seq == 0 else "link.changed", f"link {seq}") in findings()


def test_only_a_head_that_was_kept_shows_that_the_end_was_cut(sealed: World) -> None:
    kept = str(heads.heads()[0])
    rows = [decision(4), decision(5)]
    tamper(f"DELETE FROM opsc_access_decision WHERE id IN ({rows[0]}, {rows[1]})")
    tamper("DELETE FROM opsc_audit_link WHERE seq > 15")
    assert findings("--tenant", "acme") == []
    assert findings("--tenant", "acme", "--head", kept) == [("tail.cut", "link 17")]


def test_only_a_head_that_was_kept_shows_that_all_was_written_anew(sealed: World) -> None:
    kept = str(heads.heads()[0])
    tamper(f"UPDATE opsc_event SET actor = 'nobody' WHERE id = {event(2).pk}")
    tamper("DELETE FROM opsc_audit_link")
    sealing.seal()
    assert findings("--tenant", "acme") == []
    assert findings("--tenant", "acme", "--head", kept) == [("head.differs", "link 17")]


def test_batches_of_any_size_find_the_same(sealed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = event(6).pk
    tamper(link("DELETE FROM opsc_audit_link", 6))
    tamper(link("UPDATE opsc_audit_link SET hash = sha256('x')", 9))
    expected = [("link.removed", "link 6"), ("link.changed", "link 9"), ("row.inserted", f"event {row}")]
    for size in (1, 2, 3, 4, 5, 1000):
        monkeypatch.setattr(walking, "BATCH", size)
        monkeypatch.setattr(verifying, "BATCH", size)
        assert findings() == expected


BAD: list[tuple[tuple[Any, ...], str]] = [
    (("--tenant", "nobody"), "There is no tenant 'nobody'"),
    (("--head", f"1:{'a' * 64}"), "A head belongs to one chain"),
    (("--tenant", "acme", "--head", "1:abc"), "is no head"),
    (("--tenant", "acme", "--head", f"1:{'a' * 64}", "--head", f"1:{'b' * 64}"), "two hashes for link 1"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_bad_input_is_explained(world: World, arguments: tuple[Any, ...], words: str) -> None:
    answer = manage("verify_audit", *arguments)
    assert answer.code == 2
    assert words in answer.err


def test_without_a_database_it_exits_with_3(world: World) -> None:
    answer = ended(start("verify_audit", env=environment(DATABASE_URL=NOWHERE)))
    assert answer.code == 3
    assert answer.err.startswith("error[database]")


def test_a_history_without_anything_is_whole(world: World) -> None:
    assert findings() == []
    assert findings("--tenant", "acme") == []
