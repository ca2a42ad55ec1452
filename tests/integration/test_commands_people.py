"""show, cancel, approve, reject and resolve, and in whose name commands act."""

from pathlib import Path
from uuid import UUID

import pytest

from executions import lifecycle
from executions.models import Approval, Execution
from safety.context import Outcome, OutcomeStatus
from safety.models import Membership
from tests.commands import manage, plan_file
from tests.factories import an_execution
from tests.world import World, script, status_of, wait_step, work_until_over

ID = "abcd0000-0000-4000-8000-00000000000"


def _with_id(world: World, last_digit: int) -> Execution:
    """A queued execution whose id is known."""
    return an_execution(world.olga, tenant=world.acme, id=UUID(f"{ID}{last_digit}"))


def test_the_beginning_of_an_id_is_enough(world: World) -> None:
    execution = _with_id(world, 1)

    for start in ("abcd", "ABCD-0000", "abcd0000", str(execution.pk)):
        answer = manage("show", start, "--as", "olga", "--json")
        assert (answer.code, answer.json["id"]) == (0, str(execution.pk))


def test_an_ambiguous_beginning_lists_what_it_may_mean(world: World) -> None:
    both = [str(_with_id(world, digit).pk) for digit in (1, 2)]

    answer = manage("show", "abcd", "--as", "olga")

    assert answer.code == 2
    assert all(one in answer.err for one in both)


@pytest.mark.parametrize("typed", ["abc", "", "no-hex!", "abcd' OR 1=1", "abcd" * 20])
def test_what_is_no_id_is_refused(world: World, typed: str) -> None:
    assert manage("show", typed, "--as", "olga").code == 2


def test_nina_finds_nothing_of_another_tenant(world: World) -> None:
    execution = _with_id(world, 1)

    for command in (
        ("show",),
        ("cancel", "--reason=x"),
        ("retry",),
        ("approve", "--hash=" + execution.approval_hash),
        ("reject", "--comment=x"),
    ):
        answer = manage(command[0], execution.pk, *command[1:], "--as", "nina")
        assert answer.code == 2
        assert "There is no execution" in answer.err
    assert status_of(execution.pk) == "queued"


def test_output_cannot_command_the_terminal(world: World, tmp_path: Path) -> None:
    world.here()
    text = r"printf '\033]0;owned\007\033[2Jred \033[31mtext\033[0m \302\233 end\n'"
    manage("run", plan_file(tmp_path, script(text, action_class="read"), targets=["here"]), "--as", "olga")

    answer = manage("show", Execution.objects.get().short_id, "--as", "olga", "--output")

    assert "red text" in answer.out
    assert not set(answer.out) & {"\x1b", "\x07", "\x9b"}
    assert "owned" not in answer.out


def test_cancel_needs_the_right_and_a_reason(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id

    assert manage("cancel", execution_id, "--as", "olga").code == 1  # argparse's 2 on the command line
    refused = manage("cancel", execution_id, "--as", "tom", "--reason", "no")
    done = manage("cancel", execution_id, "--as", "olga", "--reason", "wrong cluster", "--json")
    again = manage("cancel", execution_id, "--as", "olga", "--reason", "once more")

    assert (refused.code, "error[not_allowed]" in refused.err) == (2, True)
    assert (done.code, done.json["status"]) == (0, "cancelled")
    assert again.code == 0
    assert Execution.objects.get(pk=execution_id).cancel_reason == "wrong cluster"


def test_cancel_refuses_a_blank_reason_and_says_who_asked_before(world: World) -> None:
    world.here()
    execution_id = world.submit(wait_step()).execution_id
    Membership.objects.create(tenant=world.acme, user=world.tom, role="operator")

    blank = manage("cancel", execution_id, "--as", "olga", "--reason", " ")
    assert (blank.code, "--reason is empty" in blank.err) == (2, True)
    assert Execution.objects.get(pk=execution_id).cancel_requested_at is None

    manage("cancel", execution_id, "--as", "tom", "--reason", "wrong \x1b[2Jcluster")
    again = manage("cancel", execution_id, "--as", "olga", "--reason", "once more")
    assert "tom had asked before: wrong cluster" in again.out
    assert "asked before" not in manage("cancel", execution_id, "--as", "tom", "--reason", "x").out


def test_cancel_of_what_is_over_is_refused(world: World, working: None) -> None:
    execution_id = world.submit(wait_step()).execution_id
    work_until_over(execution_id)

    answer = manage("cancel", execution_id, "--as", "olga", "--reason", "late")

    assert (answer.code, "is over (succeeded)" in answer.err) == (2, True)


def _waiting(world: World) -> Execution:
    """A run on prod that Tom has to approve."""
    world.here(environment="prod")
    submitted = world.submit(script("echo x"), targets=["here"])
    return Execution.objects.get(pk=submitted.execution_id)


def test_approving_takes_the_hash_of_what_is_shown(world: World) -> None:
    execution = _waiting(world)

    blind = manage("approve", execution.short_id, "--as", "tom")
    wrong = manage("approve", execution.short_id, "--as", "tom", "--hash", "0" * 64)
    short = manage("approve", execution.short_id, "--as", "tom", "--hash", execution.approval_hash[:4])
    own = manage("approve", execution.short_id, "--as", "olga", "--hash", execution.approval_hash)
    assert [blind.code, wrong.code, short.code, own.code] == [2, 2, 2, 2]
    assert status_of(execution.pk) == "pending_approval"
    assert execution.approval_hash[:12] in blind.out
    assert "echo x" in blind.out

    done = manage(
        "approve",
        execution.short_id,
        "--as",
        "tom",
        "--hash",
        execution.approval_hash[:12],
        "--comment",
        "ok",
    )

    approval = Approval.objects.get(execution=execution)
    assert done.code == 0, done.err
    assert status_of(execution.pk) == "queued"
    assert (approval.decided_by, approval.comment, approval.signed_in_with) == (world.tom, "ok", "command")


def test_rejecting_ends_it(world: World) -> None:
    execution = _waiting(world)

    blank = manage("reject", execution.short_id, "--as", "tom", "--comment", " ")
    done = manage("reject", execution.short_id, "--as", "tom", "--comment", "freeze", "--json")

    assert (blank.code, done.code, done.json["status"]) == (2, 0, "rejected")
    assert manage("show", execution.short_id, "--as", "olga", "--follow").code == 1


def test_an_unknown_outcome_is_shown_and_resolved(world: World, working: None) -> None:
    execution_id = world.submit(wait_step(effect="unsafe")).execution_id
    step = lifecycle.claim_from("fast", worker="w", ttl_s=30)
    assert step
    lifecycle.interrupt(step, Outcome(status=OutcomeStatus.INTERRUPTED, category="lost"), worker="w")

    shown = manage("show", execution_id, "--as", "olga")
    denied = manage("resolve", step.step_run_id, "succeeded", "--as", "tom", "--reason", "x")
    blank = manage("resolve", step.step_run_id, "succeeded", "--as", "olga", "--reason", " ")
    done = manage("resolve", str(step.step_run_id)[:8], "succeeded", "--as", "olga", "--reason", "seen")
    late = manage("resolve", step.step_run_id, "retry", "--as", "olga", "--reason", "again")

    assert f"manage.py resolve {str(step.step_run_id)[:8]}" in shown.err
    assert (denied.code, blank.code, late.code) == (2, 2, 2)
    assert done.code == 0, done.err
    assert status_of(execution_id) == "succeeded"


def test_somebody_has_to_be_meant(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plan_file(tmp_path, wait_step())
    nobody = manage("submit", path)
    monkeypatch.setenv("OPSC_USER", "olga")
    by_variable = manage("submit", path, "--json")
    monkeypatch.delenv("OPSC_USER")
    type(world.tom).objects.filter(pk=world.olga.pk).update(is_superuser=True)
    only_superuser = manage("submit", path, "--json")
    type(world.tom).objects.filter(pk=world.nina.pk).update(is_superuser=True)
    ambiguous = manage("submit", path)

    assert (nobody.code, "there is no superuser" in nobody.err.lower()) == (2, True)
    assert by_variable.json["requested_by"] == only_superuser.json["requested_by"] == "olga"
    assert (ambiguous.code, "--as" in ambiguous.err) == (2, True)
    assert manage("submit", path, "--as", "ghost").code == 2


def test_a_tenant_has_to_be_meant(world: World, tmp_path: Path) -> None:
    path = plan_file(tmp_path, wait_step())
    Membership.objects.create(tenant=world.other, user=world.olga, role="operator")

    ambiguous = manage("submit", path, "--as", "olga")
    chosen = manage("submit", path, "--as", "olga", "--tenant", "other", "--json")
    foreign = manage("submit", path, "--as", "tom", "--tenant", "other")

    assert (ambiguous.code, "acme, other" in ambiguous.err) == (2, True)
    assert chosen.json["tenant"] == "other"
    assert foreign.code == 2
