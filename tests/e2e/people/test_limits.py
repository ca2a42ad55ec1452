"""Limits from the admin and the API to real workers: refused with figure and remedy, or held until there is room."""

import json
import time
from pathlib import Path

import pytest

from executions import dispatch
from executions.models import Execution
from safety.models import Limit
from tests import factories
from tests.commands import manage
from tests.e2e.people.held import begins, boss, held, says, signed_in, stays, steps
from tests.fleet import Fleet
from tests.programs import a_plan, sent
from tests.world import World, script


@pytest.mark.parametrize("where", [{}, {"environment": "dev"}, {"connector": "local"}], ids=str)
def test_a_run_beyond_what_may_be_at_work_waits_for_the_one_before(
    world: World, fleet: Fleet, tmp_path: Path, where: dict[str, str]
) -> None:
    world.here()
    world.here("there")
    form = {"tenant": world.acme.pk, "kind": "running", "role": "", "environment": "", "action_class": ""}
    ada = signed_in(boss(world))
    answer = ada.post("/admin/safety/limit/add/", form | {"connector": "", "most": 1} | where)
    assert answer.status_code == 302
    assert Limit.objects.get().tenant == world.acme
    time.sleep(1.2)  # a new limit of this kind is exact after a second, as docs/operations.md says
    first = begins(held(world, tmp_path, "first"))
    second = held(world, tmp_path, "second", targets=["there"])
    dispatch.flush()
    stays(lambda: not second.has_begun)
    says(
        signed_in(world.olga),
        f"/executions/{second.execution_id}/",
        "at most 1 runs at work",
        "a tenant admin can",
    )
    first.let_go()
    first.ends_as("succeeded")
    begins(second).let_go()
    second.ends_as("succeeded")


def test_what_is_too_large_or_too_often_is_refused_with_the_figure_and_who_can_change_it(
    world: World, tmp_path: Path
) -> None:
    for name in ("here", "there"):
        world.here(name)
    Limit.objects.create(tenant=world.acme, kind="targets", role="operator", environment="dev", most=1)
    Limit.objects.create(tenant=world.acme, kind="submissions", most=2)
    plan = a_plan(targets=["here", "there"], steps=[script("true")])
    _, value = factories.a_token(world.olga)
    large = sent(value, "executions?confirm=true", plan)
    assert large.status_code == 422
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    told = manage("submit", tmp_path / "plan.json", "--as", "olga")
    assert told.code == 2
    for said in (told.err, large.content.decode()):
        assert "At most 1 targets" in said
        assert "a tenant admin can change it" in said
    small = [a_plan(targets=["here"], steps=steps(tmp_path / str(number))) for number in range(3)]
    codes = [sent(value, "executions?confirm=true", one).status_code for one in small]
    assert codes == [201, 201, 429]
    assert Execution.objects.count() == 2
