"""After an approval, what somebody changes of a stored step stops the run before that step, also after the first."""

import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from psycopg.types.json import Jsonb

from executions import approvals, approved_run, engine, lifecycle, sweeper
from executions.fresh import BY_COMMAND
from executions.holdings import HOLDINGS
from executions.models import Asset, Execution, Step, StepRun
from tests.integration.test_stepwise import let_in
from tests.world import World, runs_of, script, status_of, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")

# Column to what it is changed to; a function of the world and the row where that matters.
STEP_MATTERS: dict[str, Any] = {
    "execution_id": lambda world, _: world.submit(wait_step()).execution_id,
    "position": 7,
    "key": "deux",
    "name": "something else",
    "kind": "command",
    "spec": lambda _, row: Jsonb({**row.spec, "on_cancel": {"kind": "script", "with": {"script": "true"}}}),
    "action_class": "read",
    "effect": "idempotent",
    "survives_worker": False,
    "on_failure": "continue",
    "timeout_s": 86_000.0,
    "retries": 9,
    "max_parallel": 1,
    "predecessors": [],
    "successors": [9],
    "gated": lambda _, row: not row.gated,
}
STEP_STATE = {
    "id": "step runs refer to it; the database refuses another",
    "estimate_s": "is shown, and chose the queue at submission",
    "waits_on": "counts down while the run goes on; the order is asked of the steps before",
    "remaining": "counts down while the run goes on",
    "closed": "says that all of it is over",
}
RUN_MATTERS: dict[str, Any] = {
    "tenant_id": lambda world, _: world.other.pk,
    "execution_id": lambda world, _: world.submit(wait_step()).execution_id,
    "step_id": lambda _, row: Step.objects.get(execution=row.execution_id, key="one").pk,
    "asset_id": lambda _, __: Asset.objects.get(name="elsewhere").pk,
}
_TIMES = dict.fromkeys(
    ["not_before", "waiting_since", "ready_at", "started_at", "finished_at", "lease_expires_at"],
    "a time of the attempt",
)
_WAITS = dict.fromkeys(
    ["lock_wait_s", "paused_before_s", "waiting_for", "waits_for_assets"], "what it waits or waited for"
)
_ENDS = dict.fromkeys(
    ["exit_code", "category", "detail", "summary", "stop_confirmed", "cleaned_up", "cleanup_detail"],
    "how an attempt ended",
)
RUN_STATE = {
    "id": "events and output refer to it; one that is not known here is refused as another target",
    "position": "order of step runs in immediate mode; the order of steps is asked of the steps before",
    "status": "the state itself, moved by the lifecycle",
    "queue": "which workers take it",
    "priority": "how soon they do",
    "attempt": "counts attempts",
    "attempt_limit": "grows with each decision of a person; what repeats an effect is `retries` of the step",
    "crashes": "counts lost workers",
    "resume": "state of the attempt",
    "verify_first": "state of the attempt",
    "lease_token": "the claim",
    "worker": "the claim",
    "begun_by": "the claim",
    **_TIMES,
    **_WAITS,
    **_ENDS,
}


def columns(model: Any) -> set[str]:
    return {field.column for field in model._meta.concrete_fields}


def test_somebody_has_decided_about_every_column() -> None:
    """A new one fails here until it is compared, or there is a reason why not."""
    assert columns(Step) == set(STEP_MATTERS) | set(STEP_STATE)
    assert columns(StepRun) == set(RUN_MATTERS) | set(RUN_STATE)
    assert not set(STEP_MATTERS) & set(STEP_STATE)
    assert not set(RUN_MATTERS) & set(RUN_STATE)


def one_is_done(world: World, folder: Path, level: int, **header: Any) -> UUID:
    """Two steps, approved by Tom, of which the first has run; at level 3 the second is let in, too."""
    world.here()
    world.here("elsewhere")
    plan = {"targets": ["here"], "approval_level": level} | header
    steps = script(f"touch {folder}/one", "one"), script(f"touch {folder}/two", "two")
    done = world.submit(*steps, **plan)
    assert done.approval_level == level
    approvals.approve(
        done.execution_id, user=world.tom, approval_hash=done.approval_hash, signed_in=BY_COMMAND
    )
    for key in ("one", "two"):
        if level == 3:
            sweeper.tick()
            let_in(done.execution_id, key, world.tom)
        if key == "one":
            next_step()
    return done.execution_id


def next_step() -> None:
    step = lifecycle.claim_from("fast", worker=HOLDINGS.worker, ttl_s=30)
    assert step is not None
    engine.run(step, time.monotonic())


def changed(world: World, row: Step | StepRun, column: str, value: Any) -> None:
    new = value(world, row) if callable(value) else value
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE {table} SET "{column}" = %s WHERE id = %s', [new, row.pk])


def go_on() -> None:
    """Where a changed row brings the record itself into disorder, the step stays without an end."""
    for _ in range(3):
        try:
            work_off()
            sweeper.tick()
        except Exception:  # noqa: BLE001  the target is what counts
            pass


def stops(execution_id: UUID, folder: Path, run: StepRun, column: str) -> None:
    assert [mark.name for mark in folder.iterdir()] == ["one"]
    assert status_of(execution_id) != "succeeded"
    if column == "execution_id":
        return
    run = StepRun.objects.get(pk=run.pk)
    assert (run.status, run.category) in {("failed", "approval"), ("failed", "rbac")}
    assert run.detail


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("column", STEP_MATTERS)
def test_a_changed_step_does_not_run(
    world: World, tmp_path: Path, column: str, level: int, remembers: bool
) -> None:
    execution_id = one_is_done(world, tmp_path, level)
    step, run = Step.objects.get(execution=execution_id, key="two"), runs_of(execution_id)[1]
    changed(world, step, column, STEP_MATTERS[column])
    if not remembers:
        approved_run.forget()
    go_on()
    stops(execution_id, tmp_path, run, column)


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("column", RUN_MATTERS)
def test_a_changed_step_run_does_not_run(
    world: World, tmp_path: Path, column: str, level: int, remembers: bool
) -> None:
    execution_id = one_is_done(world, tmp_path, level)
    run = runs_of(execution_id)[1]
    changed(world, run, column, RUN_MATTERS[column])
    if not remembers:
        approved_run.forget()
    go_on()
    stops(execution_id, tmp_path, run, column)


@pytest.mark.parametrize("level", [2, 3])
def test_what_nobody_changed_comes_to_its_end(world: World, tmp_path: Path, level: int) -> None:
    execution_id = one_is_done(world, tmp_path, level)
    work_off()
    assert status_of(execution_id) == "succeeded"


@pytest.mark.parametrize("remembers", [True, False])
def test_one_target_is_not_done_twice_in_place_of_another(
    world: World, tmp_path: Path, remembers: bool
) -> None:
    execution_id = one_is_done(world, tmp_path, 2, targets=["here", "elsewhere"])
    next_step()
    first, second = (run for run in runs_of(execution_id) if run.step.key == "two")
    changed(world, first, "asset_id", second.asset_id)
    if not remembers:
        approved_run.forget()
    go_on()
    states = {run.pk: run.category for run in runs_of(execution_id)}
    assert states[first.pk] in ("approval", "aborted")
    assert "approval" in states.values()


def test_plan_and_hash_that_were_changed_together_stop_it(world: World, tmp_path: Path) -> None:
    execution_id = one_is_done(world, tmp_path, 2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE opsc_execution SET plan = replace(plan, '/two', '/six')")
        cursor.execute(
            "UPDATE opsc_execution SET plan_hash = encode(sha256(convert_to(plan, 'UTF8')), 'hex')"
        )
        cursor.execute("UPDATE opsc_step SET spec = replace(spec::text, '/two', '/six')::jsonb")
    for forgets in (False, True):
        if forgets:
            approved_run.forget()
        go_on()
        assert [mark.name for mark in tmp_path.iterdir()] == ["one"]
    assert runs_of(execution_id)[1].category == "approval"


def test_a_step_that_was_made_ready_too_early_does_not_run(world: World, tmp_path: Path) -> None:
    world.here()
    steps = script(f"touch {tmp_path}/one", "one"), script(f"touch {tmp_path}/two", "two")
    done = world.submit(*steps, targets=["here"], approval_level=2)
    approvals.approve(
        done.execution_id, user=world.tom, approval_hash=done.approval_hash, signed_in=BY_COMMAND
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE opsc_step SET waits_on = 0")
        cursor.execute(
            "UPDATE opsc_step_run r SET status = 'ready', ready_at = statement_timestamp() - interval '1 day' "
            "FROM opsc_step s WHERE s.id = r.step_id AND s.key = 'two'"
        )
    work_off()
    assert runs_of(done.execution_id)[1].detail == "a step that has to come before this one is not over"
    assert not (tmp_path / "two").exists()


def test_a_target_that_was_moved_to_another_environment_is_not_touched(world: World, tmp_path: Path) -> None:
    execution_id = one_is_done(world, tmp_path, 2)
    Asset.objects.update(environment="prod")
    work_off()
    run = runs_of(execution_id)[1]
    assert run.detail == "here is in another environment (prod) than was approved"
    assert Execution.objects.get(pk=execution_id).status == "failed"


def test_a_step_that_was_moved_into_a_run_that_needs_no_approval_does_not_run(
    world: World, tmp_path: Path
) -> None:
    execution_id = one_is_done(world, tmp_path, 2)
    run = runs_of(execution_id)[1]
    other = world.submit(wait_step()).execution_id
    changed(world, run, "execution_id", other)
    go_on()
    assert [mark.name for mark in tmp_path.iterdir()] == ["one"]
