"""What was let in and has not begun is asked for again: in time, and when who let it in may not any more."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now

from executions import engine, letting_in, lifecycle, sweeper, switching
from executions.gates import StepApproval
from executions.holdings import HOLDINGS
from executions.lifecycle import ClaimedStep
from executions.models import Event, Execution, StepGate, StepRun
from executions.switching import Scope
from safety.choices import Role
from safety.models import Membership, Switch
from tests.integration.test_stepwise import begun, go_on, let_in
from tests.world import World, in_threads, script, states_of, work_off

pytestmark = pytest.mark.usefixtures("working")


def held_after_let_in(world: World, folder: Path) -> tuple[UUID, Switch]:
    """The step `one` may begin, says Uma, and a switch holds it; Tom approved the run."""
    execution_id = begun(world, folder)
    switch = switching.turn(
        Scope(tenant=world.acme), mode="hold", user=world.olga, reason="storm", lasts_s=600
    )
    let_in(execution_id, "one", an_approver())
    return execution_id, switch


def lift(world: World, switch: Switch) -> None:
    switching.lift(switch.pk, user=world.olga, reason="over")


def deactivated(uma: User) -> None:
    User.objects.filter(pk=uma.pk).update(is_active=False)


def no_member(uma: User) -> None:
    Membership.objects.filter(user=uma).delete()


def elsewhere(uma: User) -> None:
    Membership.objects.filter(user=uma).update(environments=["prod"])


def over(uma: User) -> None:
    Membership.objects.filter(user=uma).update(ends_at=Now() - timedelta(seconds=1))


def an_approver() -> User:
    uma = User.objects.create_user("uma")
    Membership.objects.create(
        tenant_id=Membership.objects.get(user__username="olga").tenant_id, user=uma, role=Role.APPROVER
    )
    return uma


def claim() -> ClaimedStep | None:
    return lifecycle.claim_from("fast", worker=HOLDINGS.worker, ttl_s=30)


def told_why(execution_id: UUID) -> list[str]:
    asked = Event.objects.filter(execution=execution_id, type="approval.requested").order_by("id")
    return [event.data["why"] for event in asked if "why" in event.data]


@pytest.mark.parametrize("loses", [deactivated, no_member, elsewhere, over])
@pytest.mark.parametrize("swept", [False, True])
def test_a_step_is_asked_for_again_when_who_let_it_in_may_not_any_more(
    world: World, tmp_path: Path, loses: Callable[[User], None], swept: bool
) -> None:
    execution_id, switch = held_after_let_in(world, tmp_path)
    loses(User.objects.get(username="uma"))
    if swept:
        sweeper.tick()
        assert StepGate.objects.get().status == "requested"
    lift(world, switch)
    work_off()
    gate = StepGate.objects.get()
    assert (gate.status, gate.decided_by, gate.used_at) == ("requested", None, None)
    assert list(tmp_path.iterdir()) == []
    assert states_of(execution_id)["one"] == "ready"
    assert StepRun.objects.get(step__key="one").attempt == 0
    assert told_why(execution_id) == [
        "fewer people than it needs stand behind this step: uma may not approve it any more"
    ]
    sweeper.tick()
    assert Execution.objects.get(pk=execution_id).clock == "approval"
    let_in(execution_id, "one", world.tom)
    go_on()
    assert [mark.name for mark in tmp_path.iterdir()] == ["one"]


def test_a_step_that_did_not_begin_in_time_is_asked_for_again(world: World, tmp_path: Path) -> None:
    execution_id, switch = held_after_let_in(world, tmp_path)
    before = StepGate.objects.get()
    assert before.decided_at is not None
    StepGate.objects.update(expires_at=F("decided_at"))
    lift(world, switch)
    work_off()
    assert list(tmp_path.iterdir()) == []  # the claim knows, before any sweep
    sweeper.tick()
    work_off()
    gate = StepGate.objects.get()
    assert (gate.status, gate.requested_at > before.requested_at) == ("requested", True)
    assert gate.expires_at - gate.requested_at == before.expires_at - before.decided_at
    assert told_why(execution_id) == ["it was let in and did not begin in time"]
    let_in(execution_id, "one", world.tom)
    go_on()
    assert [mark.name for mark in tmp_path.iterdir()] == ["one"]


def test_what_has_begun_on_one_target_goes_on_with_the_others(world: World, tmp_path: Path) -> None:
    world.here("there")
    text = f"touch {tmp_path}/$$"
    step = script(text, id_="one", targets=["here", "there"], max_parallel=1)
    execution_id = begun(world, tmp_path, step)
    uma = an_approver()
    let_in(execution_id, "one", uma)
    first = claim()
    assert first is not None
    engine.run(first, time.monotonic())
    assert StepGate.objects.get().used_at is not None
    StepGate.objects.update(expires_at=F("requested_at"))
    deactivated(uma)
    go_on()
    assert set(StepRun.objects.values_list("status", flat=True)) == {"succeeded"}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_step_that_waits_for_its_asset_has_not_begun(world: World, tmp_path: Path) -> None:
    world.here("there")
    other = world.submit(script("true", "a"), script("true", "b"), targets=["there"]).execution_id
    step = claim()
    assert step is not None
    engine.run(step, time.monotonic())
    StepRun.objects.filter(execution=other, status="ready").update(not_before=Now() + timedelta(hours=1))
    execution_id = begun(world, tmp_path, script(f"touch {tmp_path}/one", id_="one", targets=["there"]))
    uma = an_approver()
    let_in(execution_id, "one", uma)
    work_off()
    waiting = StepRun.objects.get(step__key="one")
    assert (waiting.status, waiting.waiting_since is None) == ("ready", False)
    deactivated(uma)
    StepRun.objects.update(not_before=None)
    go_on()
    assert StepGate.objects.get().status == "requested"
    assert list(tmp_path.iterdir()) == []


def test_what_is_taken_back_behind_the_guard_does_not_begin(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    uma = an_approver()
    let_in(execution_id, "one", uma)
    step = claim()
    assert step is not None
    approval = StepApproval(step)
    assert (approval.objection(), approval.withdrawn()) == ("", "")
    deactivated(uma)
    assert letting_in.reopen_due() == 1
    assert not approval.begins()
    engine.run(step, time.monotonic())
    assert StepRun.objects.get(pk=step.step_run_id).attempt == 0
    assert list(tmp_path.iterdir()) == []


def test_a_beginning_and_a_taking_back_at_one_moment_have_one_outcome(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    uma = an_approver()
    let_in(execution_id, "one", uma)
    step = claim()
    assert step is not None
    deactivated(uma)
    approval = StepApproval(step)
    acts = (approval.begins, letting_in.reopen_due)
    for _ in range(100):
        began, reopened = in_threads(2, lambda number: acts[number]())
        assert (began, reopened) in ((True, 0), (False, 1))
        StepGate.objects.update(
            status="approved", decided_by=uma, used_at=None, expires_at=Now() + timedelta(hours=1)
        )
