"""The sealer: one gapless chain for each tenant over every row that is final, whoever writes and seals meanwhile."""

import logging
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections, models, transaction

from executions import sweeper
from executions.audit import chain, heads, horizon, sealing
from executions.models import AuditLink, Event
from opsconductor.logs import MaskedJsonFormatter
from safety.models import AccessDecision
from safety.sql import fetch
from tests import factories
from tests.commands import manage
from tests.world import World, in_threads, until, wait_step, work_until_over

# The canonical form of one row of each kind, as it was when FORMAT 1 was made. Whoever changes it makes FORMAT 2.
EVENT = (
    '{"at": "2026-02-03T04:05:06.000007", "id": 7, "data": {"z": 1.50, "aa": ["ü\\n", null]}, "kind": "event",'
    ' "type": "step.started", "actor": "h:1", "trace_id": "t", "tenant_id": 3, "to_status": "running",'
    ' "actor_kind": "worker", "from_status": "ready", "step_run_id": "00000000-0000-0000-0000-000000000002",'
    ' "execution_id": "00000000-0000-0000-0000-000000000001"}'
)
DECISION = (
    '{"at": "2026-02-03T04:05:06", "id": 8, "kind": "decision", "reason": "no", "allowed": false,'
    ' "actor_id": 5, "asset_id": null, "question": "run:read", "tenant_id": 3, "environment": "dev",'
    ' "step_run_id": null, "execution_id": null}'
)


def columns(model: type[models.Model]) -> set[str]:
    return {field.column for field in model._meta.concrete_fields}


def rows() -> int:
    return Event.objects.count() + AccessDecision.objects.count()


def an_event(world: World, **more: Any) -> Event:
    return Event.objects.create(tenant=world.acme, type="rbac.violation", actor_kind="user", **more)


def test_the_canonical_form_is_what_it_was_and_covers_every_column(world: World) -> None:
    forms = fetch(
        f"""
        SELECT {chain.EVENT_FORM} AS event, {chain.DECISION_FORM} AS decision FROM (VALUES (
            7, 3, '00000000-0000-0000-0000-000000000001'::uuid, '00000000-0000-0000-0000-000000000002'::uuid,
            'step.started', 'ready', 'running', 'worker', 'h:1', 't', '{{"z": 1.50, "aa": ["ü\\n", null]}}'::jsonb,
            timestamptz '2026-02-03 05:05:06.000007+01')) AS e (id, tenant_id, execution_id, step_run_id, type,
            from_status, to_status, actor_kind, actor, trace_id, data, at),
        (VALUES (8, 3, 5, 'run:read', 'dev', NULL::uuid, NULL::uuid, NULL::uuid, false, 'no',
            timestamptz '2026-02-03 04:05:06+00')) AS d (id, tenant_id, actor_id, question, environment, asset_id,
            execution_id, step_run_id, allowed, reason, at)"""
    )[0]
    assert (forms["event"], forms["decision"]) == (EVENT, DECISION)
    for form, model in ((chain.EVENT_FORM, Event), (chain.DECISION_FORM, AccessDecision)):
        assert set(form.split("'")[1::2]) - {"kind", "event", "decision", "UTC"} == columns(model)


def test_a_sweep_seals_what_a_run_left_in_one_chain_without_a_gap(world: World, working: None) -> None:
    work_until_over(world.submit(wait_step()).execution_id)
    counts = sweeper.tick()
    links = list(AuditLink.objects.order_by("seq"))
    assert "sealed" in counts
    assert [link.seq for link in links] == list(range(1, rows() + 1))
    assert {link.tenant_id for link in links} == {world.acme.pk}
    assert sealing.seal() == 0
    said = manage("health", "--json").json["parts"][3]["detail"]
    assert said.startswith("every event and access decision is sealed")


def test_each_tenant_has_its_own_chain(world: World) -> None:
    for tenant in (world.acme, world.other, world.acme):
        Event.objects.create(tenant=tenant, type="rbac.violation", actor_kind="user")
    assert sealing.seal() == 3
    seqs = AuditLink.objects.order_by("tenant", "seq").values_list("tenant__slug", "seq")
    assert list(seqs) == [("acme", 1), ("acme", 2), ("other", 1)]


def test_what_commits_late_holds_the_sealer_back_and_is_sealed_in_its_place(world: World) -> None:
    written, go_on = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        with transaction.atomic():
            an_event(world, actor="slow")
            written.set()
            go_on.wait(20)

    thread = threading.Thread(target=lambda: (slow(0), connections.close_all()))
    thread.start()
    assert written.wait(20)
    quick = an_event(world, actor="quick")
    assert sealing.seal() == 0  # the slow one has drawn the smaller id
    an_event(world, actor="later")
    go_on.set()
    thread.join()
    until(lambda: sealing.seal() or AuditLink.objects.count() == 3)
    until(lambda: (sealing.seal(), AuditLink.objects.count() == 3)[1])
    order = [Event.objects.get(pk=link.row_id).actor for link in AuditLink.objects.order_by("seq")]
    assert order == ["slow", "quick", "later"]
    assert quick.pk


def test_a_row_with_an_id_that_was_never_drawn_is_not_sealed(world: World) -> None:
    an_event(world, id=2**60)
    an_event(world)
    assert sealing.seal() == 1
    assert AuditLink.objects.get().row_id < 2**60


@pytest.mark.parametrize("sealer", [sealing.seal, sweeper.tick])
def test_eight_writers_and_two_sealers_make_one_gapless_chain(
    world: World, sealer: Callable[[], Any]
) -> None:
    run = factories.an_execution(world.olga, tenant=world.acme)
    written = threading.Event()

    def act(number: int) -> None:
        if number >= 8:
            while not written.is_set():
                sealer()
            return
        for turn in range(60):
            with transaction.atomic():
                factories.an_event(run, actor=str(number))
                AccessDecision.objects.create(
                    tenant_id=world.acme.pk, question=f"run:{turn}", allowed=True, reason=""
                )
        if barrier.wait(60) == 0:
            written.set()

    barrier = threading.Barrier(8)
    assert [outcome for outcome in in_threads(10, act) if outcome] == []
    until(lambda: (sealer(), AuditLink.objects.count() == 960)[1])
    links = list(AuditLink.objects.order_by("seq"))
    assert [link.seq for link in links] == list(range(1, 961))
    for kind in AuditLink.Kind:
        ids = [link.row_id for link in links if link.kind == kind]
        assert ids == sorted(ids)
    assert manage("verify_audit").code == 0


def test_a_backlog_is_sealed_in_bounded_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 10)
    Event.objects.bulk_create(
        Event(tenant=world.acme, type="rbac.violation", actor_kind="user") for _ in range(45)
    )
    assert [sealing.seal(most=20) for _ in range(4)] == [20, 20, 5, 0]


def test_health_warns_when_nobody_seals(world: World) -> None:
    an_event(world, at="2020-01-01T00:00Z")
    part = next(part for part in manage("health", "--json").json["parts"] if part["name"] == "audit")
    assert part["state"] == "warning"
    assert "is a scheduler running?" in part["detail"]


def test_heads_are_told_to_the_log_unmasked_when_they_moved(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_teller", heads._Teller())
    an_event(world, trace_id=uuid4().hex)
    sealing.seal()
    caplog.set_level(logging.INFO, logger="executions.audit.heads")
    assert (heads.tell(), heads.tell(), heads.tell(every_s=0)) == (1, 0, 0)
    head = heads.heads()[0]
    line = MaskedJsonFormatter().format(caplog.records[0])
    assert f"head of the audit chain of acme: 1:{head.hash}" in line
    assert len(head.hash) == 64
    an_event(world)
    sealing.seal()
    assert heads.tell(every_s=0) == 1


def test_another_connection_begins_its_own_horizon(world: World) -> None:
    before = horizon.final()
    an_event(world)
    connection.close()
    assert horizon.final()["event"] > before["event"]
