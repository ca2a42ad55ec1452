"""A command that is given again, at once or later, answers with the first execution or says why not."""

from pathlib import Path

from executions import lifecycle
from executions.lifecycle import By
from executions.models import Execution
from executions.submission import submit
from safety.choices import Role
from safety.models import Membership
from tests import factories
from tests.commands import ended, environment, manage, plan_file, start
from tests.world import World, wait_step

PROCESSES = 10


def test_ten_commands_at_once_are_one_execution(world: World, tmp_path: Path) -> None:
    path = plan_file(tmp_path, wait_step())
    given = ("submit", path, "--as", "olga", "--json", "--idempotency-key", "release-42")
    processes = [start(*given, env=environment()) for _ in range(PROCESSES)]
    answers = [ended(process, 120) for process in processes]
    assert [answer.code for answer in answers] == [0] * PROCESSES
    assert {answer.json["id"] for answer in answers} == {str(Execution.objects.get().pk)}
    assert [answer.json["created"] for answer in answers].count(True) == 1


def test_a_run_of_the_same_plan_by_somebody_else_needs_a_deliberate_again(
    world: World, tmp_path: Path
) -> None:
    Membership.objects.filter(user=world.tom).update(role=Role.OPERATOR)
    path = plan_file(tmp_path, wait_step())
    first = manage("submit", path, "--as", "tom", "--json").json
    refused = manage("submit", path, "--as", "olga")
    assert refused.code == 2
    assert "error[idempotency.ran_before] The same plan was submitted before" in refused.err
    assert f"{first['id'][:8]} by tom" in refused.err
    assert "--again" in refused.err
    assert manage("submit", path, "--as", "olga", "--json", "--again").json["created"]
    factories.a_person("vera", Role.VIEWER, tenant=world.acme)
    assert "error[not_allowed]" in manage("submit", path, "--as", "vera").err


def test_a_key_that_is_none_is_refused(world: World, tmp_path: Path) -> None:
    answer = manage("submit", plan_file(tmp_path, wait_step()), "--as", "olga", "--idempotency-key", "a\nb")
    assert answer.code == 2
    assert "error[idempotency.format]" in answer.err


def test_show_says_after_what_a_run_runs_again(world: World) -> None:
    plan = {"version": 1, "name": "nightly", "mode": "background", "steps": [wait_step()]}
    first = submit(plan, user=world.olga, tenant=world.acme)
    lifecycle.move(first.execution_id, from_status="queued", to_status="cancelled", by=By.system())
    again = submit(plan, user=world.olga, tenant=world.acme)
    shown = manage("show", again.execution_id, "--as", "olga").out
    assert f"after {str(first.execution_id)[:8]}, which was cancelled" in shown
    assert manage("show", again.execution_id, "--as", "olga", "--json").json["retry_of"] == str(
        first.execution_id
    )
