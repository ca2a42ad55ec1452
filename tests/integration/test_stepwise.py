"""Level 3: no gated step begins before somebody else let it, for exactly what it would do."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from executions import approvals, control, stepwise, sweeper
from executions.errors import Conflict, NotAllowed, NotFound, Refused, SignInAgain
from executions.fresh import BY_COMMAND, SignedIn
from executions.models import Event, Execution, Step, StepGate
from executions.plans.approved import gate_hash
from safety.choices import Role
from safety.models import Membership
from tests.commands import manage
from tests.world import (
    World,
    events_of,
    in_threads,
    runs_of,
    script,
    states_of,
    status_of,
    wait_step,
    work_off,
)

pytestmark = pytest.mark.usefixtures("working")


def begun(world: World, folder: Path, *more: dict[str, object], **header: object) -> UUID:
    """A run at level 3 of a look and two changes, which Tom has approved as a whole and a worker has begun."""
    world.here()
    steps = more or (
        script("true", id_="look", action_class="read"),
        script(f"touch {folder}/one", id_="one"),
        script(f"touch {folder}/two", id_="two"),
    )
    plan = {"approval_level": 3} | header
    submitted = world.submit(*steps, targets=["here"], **plan)
    assert submitted.approval_level == 3
    approvals.approve(
        submitted.execution_id, user=world.tom, approval_hash=submitted.approval_hash, signed_in=BY_COMMAND
    )
    go_on()
    return submitted.execution_id


def go_on() -> None:
    work_off()
    sweeper.tick()
    work_off()


def hash_of(execution_id: UUID, key: str) -> str:
    execution, step = (
        Execution.objects.get(pk=execution_id),
        Step.objects.get(execution=execution_id, key=key),
    )
    return gate_hash(execution.approval_hash, step.key, step.spec)


def let_in(execution_id: UUID, key: str, user: User, comment: str = "") -> None:
    wanted = hash_of(execution_id, key)
    stepwise.approve(execution_id, key, user=user, seen_hash=wanted, comment=comment, signed_in=BY_COMMAND)


def test_each_change_waits_for_somebody_and_reads_do_not(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    assert states_of(execution_id) == {"look": "succeeded", "one": "ready", "two": "pending"}
    assert Execution.objects.get(pk=execution_id).clock == "approval"
    said = f"waits for    an approval of the step one: manage.py approve {str(execution_id)[:8]} --step one"
    assert said in manage("show", execution_id, "--as", "olga").out
    let_in(execution_id, "one", world.tom)
    assert "waits for" not in manage("show", execution_id, "--as", "olga").out
    go_on()
    assert states_of(execution_id) == {"look": "succeeded", "one": "succeeded", "two": "ready"}
    assert [mark.name for mark in tmp_path.iterdir()] == ["one"]
    let_in(execution_id, "two", world.tom, comment="looks right")
    go_on()
    assert status_of(execution_id) == "succeeded"
    told = Event.objects.filter(execution=execution_id, type__startswith="approval.").order_by("id")
    assert [(event.type, event.data.get("step")) for event in told] == [
        ("approval.requested", None),
        ("approval.approved", None),
        ("approval.requested", "one"),
        ("approval.approved", "one"),
        ("approval.requested", "two"),
        ("approval.approved", "two"),
    ]


def test_where_the_plan_marks_points_only_those_wait_and_the_run_is_at_level_3(
    world: World, tmp_path: Path
) -> None:
    steps = (
        script(f"touch {tmp_path}/one", id_="one"),
        script(f"touch {tmp_path}/two", id_="two", approval_point=True),
    )
    execution_id = begun(world, tmp_path, *steps, approval_level=0)
    assert states_of(execution_id) == {"one": "succeeded", "two": "ready"}


def test_the_requester_and_who_may_not_approve_let_nothing_in(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.TENANT_ADMIN)
    for user, refused in ((world.olga, NotAllowed), (world.nina, NotFound)):
        with pytest.raises(refused):
            let_in(execution_id, "one", user)
        with pytest.raises(refused):
            stepwise.reject(execution_id, "one", user=user, comment="mine")
    go_on()
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_was_changed_after_its_approval_touches_nothing(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    let_in(execution_id, "one", world.tom)
    step = Step.objects.get(execution=execution_id, key="one")
    step.spec["with"]["script"] = f"touch {tmp_path}/evil"
    step.save()
    go_on()
    run = runs_of(execution_id)[1]
    assert (run.status, run.category) == ("failed", "approval")
    assert run.detail == "the approval of this step is for something else than what would run"
    assert list(tmp_path.iterdir()) == []


def test_a_gate_that_was_opened_past_the_record_is_found_by_the_worker(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    StepGate.objects.update(status="approved", decided_by=world.olga)
    go_on()
    assert runs_of(execution_id)[1].category == "approval"
    assert list(tmp_path.iterdir()) == []


def test_another_hash_or_another_step_is_refused(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    with pytest.raises(Conflict, match="but what would run is"):
        stepwise.approve(execution_id, "one", user=world.tom, seen_hash="0" * 64, signed_in=BY_COMMAND)
    with pytest.raises(NotFound):
        let_in(execution_id, "look", world.tom)
    with pytest.raises(Conflict, match="not asked for yet"):
        let_in(execution_id, "two", world.tom)
    let_in(execution_id, "one", world.tom)
    with pytest.raises(Conflict, match="is approved"):
        let_in(execution_id, "one", world.tom)


def test_a_sign_in_that_is_too_old_lets_nothing_in(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    wanted = hash_of(execution_id, "one")
    with pytest.raises(SignInAgain):
        stepwise.approve(execution_id, "one", user=world.tom, seen_hash=wanted)
    old = SignedIn("password", 0.0)
    with pytest.raises(SignInAgain):
        stepwise.approve(execution_id, "one", user=world.tom, seen_hash=wanted, signed_in=old)
    go_on()
    assert list(tmp_path.iterdir()) == []


def test_a_rejected_step_cancels_the_run_with_the_reason(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    with pytest.raises(Refused):
        stepwise.reject(execution_id, "one", user=world.tom, comment=" ")
    stepwise.reject(execution_id, "one", user=world.tom, comment="not during the freeze")
    ended = Execution.objects.get(pk=execution_id)
    assert (ended.status, ended.cancel_actor) == ("cancelled", "tom")
    assert ended.cancel_reason == "the step one was rejected: not during the freeze"
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_lets_in_ends_in_time(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    StepGate.objects.update(expires_at=F("requested_at") - timedelta(seconds=1))
    with pytest.raises(Conflict, match="is expired"):
        let_in(execution_id, "one", world.tom)
    sweeper.tick()
    ended = Execution.objects.get(pk=execution_id)
    assert (ended.status, ended.cancel_reason) == ("timed_out", "nobody approved the step one in time")
    assert StepGate.objects.get().status == "expired"


def test_of_two_who_decide_at_one_moment_one_does(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    other = User.objects.create_user("uma")
    Membership.objects.create(tenant=world.acme, user=other, role=Role.APPROVER)
    wanted = hash_of(execution_id, "one")

    def act(number: int) -> None:
        user = (world.tom, other)[number % 2]
        if number < 4:
            stepwise.approve(execution_id, "one", user=user, seen_hash=wanted, signed_in=BY_COMMAND)
        else:
            stepwise.reject(execution_id, "one", user=user, comment="no")

    ended = in_threads(8, act)
    assert sum(one is None for one in ended) == 1
    assert all(one is None or isinstance(one, Conflict) for one in ended)
    go_on()
    gate = StepGate.objects.get(step__key="one")
    assert (gate.status == "approved") == (tmp_path / "one").exists()
    assert events_of(execution_id).count(f"approval.{gate.status}") == 1 + (gate.status == "approved")


def test_a_cancel_and_an_approval_at_one_moment_have_one_outcome(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    wanted = hash_of(execution_id, "one")

    def act(number: int) -> None:
        if number:
            control.request_cancel(execution_id, user=world.olga, reason="stop")
        else:
            stepwise.approve(execution_id, "one", user=world.tom, seen_hash=wanted, signed_in=BY_COMMAND)

    in_threads(2, act)
    go_on()
    assert status_of(execution_id) == "cancelled"
    assert list(tmp_path.iterdir()) == []


def test_on_the_page_and_by_command(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    tom, olga = Client(), Client()
    tom.force_login(world.tom)
    olga.force_login(world.olga)
    page = tom.get(f"/executions/{execution_id}/").content.decode()
    wanted = hash_of(execution_id, "one")
    assert wanted in page
    assert "Waits for somebody who may approve to let in: one." in page
    assert f"touch {tmp_path}/one" in page
    assert "Steps that wait to begin" in tom.get("/approvals/").content.decode()
    assert "somebody else has to approve it" in olga.get(f"/executions/{execution_id}/").content.decode()
    address = f"/executions/{execution_id}/steps/one/"
    assert olga.post(f"{address}approve/", {"approval_hash": wanted}).status_code == 403
    assert tom.post(f"{address}approve/", {"approval_hash": "0" * 64}).status_code == 409
    tom.post(f"{address}approve/", {"approval_hash": wanted, "comment": "fine"})
    gate = StepGate.objects.get()
    assert (gate.status, gate.decided_by, gate.comment, gate.address) == (
        "approved",
        world.tom,
        "fine",
        "127.0.0.1",
    )
    go_on()
    short = str(execution_id)[:8]
    blind = manage("approve", short, "--as", "tom", "--step", "two")
    assert (blind.code, "Nothing was approved." in blind.err) == (2, True)
    assert f"approval hash of the step two: {hash_of(execution_id, 'two')}" in blind.out
    done = manage("reject", short, "--as", "tom", "--step", "two", "--comment", "enough")
    assert (done.code, status_of(execution_id)) == (0, "cancelled")


def test_a_step_by_hash_on_the_command_line(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path)
    seen = ("--hash", hash_of(execution_id, "one")[:12])
    assert manage("approve", str(execution_id)[:8], "--as", "tom", "--step", "one", *seen).code == 0
    go_on()
    assert (tmp_path / "one").exists()


def test_a_wait_is_no_change_and_waits_for_nobody(world: World, tmp_path: Path) -> None:
    execution_id = begun(world, tmp_path, wait_step("pause"), script(f"touch {tmp_path}/one", id_="one"))
    assert states_of(execution_id) == {"pause": "succeeded", "one": "ready"}
