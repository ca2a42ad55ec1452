"""Who ended what and why: on record, in the events, on the page and in the commands."""

import json
import time
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from executions import control, engine, sweeper
from executions.errors import Conflict, NotFound
from executions.holdings import HOLDINGS
from executions.models import Event, Execution
from executions.output import OutputStore
from safety.cancellation import CancelReason, CancelToken, Wish
from safety.models import Lease
from tests.commands import manage
from tests.losing import claim
from tests.world import World, runs_of, script, status_of, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")


def test_reason_and_actor_stand_in_the_record_the_events_the_page_and_the_command(world: World) -> None:
    submitted = world.submit(wait_step("a"), wait_step("b"))
    control.request_cancel(submitted.execution_id, user=world.olga, reason="not today")
    execution = Execution.objects.get()
    assert (execution.cancel_kind, execution.cancel_actor, execution.cancel_actor_kind) == (
        "user",
        "olga",
        "user",
    )
    why = {"kind": "user", "reason": "not today", "by": "olga"}
    for type_ in ("execution.cancelled", "step.cancelled"):
        for event in Event.objects.filter(execution=execution, type=type_):
            assert (event.data, event.actor, event.actor_kind) == (why, "olga", "user")
    assert Event.objects.filter(type="step.cancelled").count() == 2
    client = Client()
    client.force_login(world.tom)
    page = client.get(reverse("executions:detail", args=[execution.pk])).content.decode()
    assert "Cancelled by olga: not today." in page
    shown = json.loads(manage("show", execution.short_id, "--json", "--as", "tom").out)
    assert (shown["cancel"]["by"], shown["cancel"]["kind"]) == ("olga", "user")
    assert "Cancelled by olga: not today" in manage("show", execution.short_id, "--as", "tom").out


def test_a_duplicate_is_cancelled_in_favour_of_the_one_that_goes_on(world: World) -> None:
    kept, extra = world.submit(wait_step()), world.submit(wait_step())
    cancel = {"user": world.olga, "reason": "submitted twice"}
    with pytest.raises(Conflict, match="itself"):
        control.request_cancel(extra.execution_id, duplicate_of=extra.execution_id, **cancel)
    with pytest.raises(NotFound):
        control.request_cancel(extra.execution_id, duplicate_of=uuid4(), **cancel)
    short = str(kept.execution_id)[:8]
    manage(
        "cancel",
        str(extra.execution_id),
        "--reason",
        "submitted twice",
        "--duplicate-of",
        short,
        "--as",
        "olga",
    )
    execution = Execution.objects.get(pk=extra.execution_id)
    assert (execution.status, execution.cancel_kind) == ("cancelled", "duplicate")
    assert execution.cancel_reason == f"{short} does the same; submitted twice"
    assert status_of(kept.execution_id) == "queued"


def test_the_limit_of_the_whole_execution_is_a_reason_of_its_own(world: World) -> None:
    submitted = world.submit(wait_step("a"), wait_step("b"))
    claim()
    Execution.objects.update(deadline_at="2026-01-01T00:00Z")
    sweeper.tick()
    execution = Execution.objects.get(pk=submitted.execution_id)
    assert (execution.cancel_kind, execution.cancel_actor, execution.cancel_actor_kind) == (
        "timeout",
        "scheduler",
        "system",
    )


def test_a_script_that_never_stops_talking_is_ended_and_not_tried_again(world: World, settings) -> None:
    settings.OPSC = settings.OPSC | {"OUTPUT_STOP_BYTES": 200_000}
    world.here()
    submitted = world.submit(script("exec yes", effect="idempotent", retries=3, timeout=30), targets=["here"])
    work_off()
    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.category, run.attempt, run.stop_confirmed) == (
        "failed",
        "resource_limit",
        1,
        True,
    )
    assert "OPSC_OUTPUT_STOP_BYTES" in run.detail
    assert Event.objects.get(type="step.failed").data["kind"] == "resource_limit"
    assert not Lease.objects.exists()


def test_an_error_inside_opsconductor_leaves_nothing_running_unwatched(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.here()
    pid, end = tmp_path / "pid", tmp_path / "end"

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(OutputStore, "write", broken)
    submitted = world.submit(script(f"echo $$ >{pid}; echo hi; sleep 60; touch {end}"), targets=["here"])
    work_off()
    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.category, run.stop_confirmed) == ("failed", "internal", True)
    assert "RuntimeError" in run.detail
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
    assert Event.objects.get(type="step.failed").data["kind"] == "error"


def test_a_wish_that_comes_before_anybody_watches_is_told_to_the_first_who_does(world: World) -> None:
    world.submit(wait_step())
    step = claim()
    token = CancelToken()
    with HOLDINGS.hold(step, CancelToken(), time.monotonic()):
        HOLDINGS._hear(step.execution_id, Wish(CancelReason.USER, "cancelled by olga"))
        end = HOLDINGS.watch(step.token, token)
        assert (token.reason, token.detail) == (CancelReason.USER, "cancelled by olga")
        end()
        later = CancelToken()
        assert not later.is_cancelled
    engine.run(step, time.monotonic())


def test_a_notice_longer_than_the_database_carries_is_cut(world: World) -> None:
    submitted = world.submit(wait_step())
    assert control.request_cancel(
        submitted.execution_id, user=world.olga, reason="\N{PILE OF POO}" * 5000
    ) == ("cancelled")
