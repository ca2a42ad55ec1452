"""An approval that nobody gives is reminded of twice, once each, and never after it was decided or is over."""

import logging
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from executions import approvals, control, sweeper
from executions.fresh import BY_COMMAND
from executions.models import Approval, Event
from executions.reminding import remind_due
from executions.submission import Submitted, submit
from tests.world import World, in_threads, script

pytestmark = pytest.mark.usefixtures("working")
SPAN_S = 600


def a_run(world: World) -> Submitted:
    world.here(environment="prod")
    plan = {
        "version": 1,
        "name": "prod",
        "mode": "background",
        "targets": ["here"],
        "steps": [script("true")],
    }
    return submit(plan, user=world.olga, tenant=world.acme)


def let_pass(seconds: float) -> None:
    """As if the request were so many seconds old, of its ten minutes."""
    Approval.objects.update(
        requested_at=Now() - timedelta(seconds=seconds),
        expires_at=Now() + timedelta(seconds=SPAN_S - seconds),
    )


def told(done: Submitted) -> list[tuple[bool, int]]:
    events = Event.objects.filter(execution=done.execution_id, type="approval.reminder").order_by("id")
    return [(event.data["last"], event.data["missing"]) for event in events]


def test_it_is_reminded_of_at_half_of_its_time_and_shortly_before_the_end(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    done = a_run(world)
    let_pass(290)
    assert sweeper.tick()["approvals_reminded"] == 0
    let_pass(310)
    with caplog.at_level(logging.WARNING, logger="executions.reminding"):
        assert sweeper.tick()["approvals_reminded"] == 1
    assert sweeper.tick()["approvals_reminded"] == 0
    assert f"execution {done.execution_id}: its approval expires in 2" in caplog.text
    let_pass(545)
    assert sweeper.tick()["approvals_reminded"] == 1
    assert sweeper.tick()["approvals_reminded"] == 0
    assert told(done) == [(False, 1), (True, 1)]


def test_a_scheduler_that_was_away_sends_the_last_one_only(world: World) -> None:
    done = a_run(world)
    let_pass(595)
    assert (remind_due(), remind_due()) == (1, 0)
    assert told(done) == [(True, 1)]


def test_nothing_is_reminded_of_that_was_decided_withdrawn_or_is_over(world: World) -> None:
    done = a_run(world)
    approvals.approve(
        done.execution_id, user=world.tom, approval_hash=done.approval_hash, signed_in=BY_COMMAND
    )
    let_pass(595)
    assert remind_due() == 0
    Approval.objects.update(status="requested", expires_at=Now() - timedelta(seconds=1))
    assert remind_due() == 0


def test_a_withdrawn_one_is_not_reminded_of(world: World) -> None:
    done = a_run(world)
    control.request_cancel(done.execution_id, user=world.olga, reason="no")
    let_pass(595)
    assert remind_due() == 0


def test_two_schedulers_at_the_same_moment_remind_once(world: World) -> None:
    done = a_run(world)
    let_pass(400)
    assert sorted(in_threads(2, lambda _: remind_due())) == [0, 1]
    assert told(done) == [(False, 1)]
