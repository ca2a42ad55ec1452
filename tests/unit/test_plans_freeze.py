"""Freezing binds a plan to the assets it means now, and to nothing else."""

import dataclasses
import random
from uuid import UUID

import pytest

from executions.plans import InventoryItem, PlanInvalid, freeze, parse_plan, plan_hash


def asset(name, environment="dev", *tags):
    number = int.from_bytes(name.encode()[-8:], "big")
    return InventoryItem(UUID(int=number), name, environment, frozenset(tags), "ssh")


WEB1, WEB2 = asset("web-01", "staging", "web"), asset("web-02", "prod", "web")
DB = asset("db-01", "prod", "db")
INVENTORY = [DB, WEB2, WEB1]


def command(step_id="a", **fields):
    return {"id": step_id, "kind": "command", "with": {"argv": ["true"]}, **fields}


def plan(*steps, **header):
    return parse_plan({"version": 1, "name": "t", "steps": list(steps), **header})


def problems(a_plan, inventory=INVENTORY):
    with pytest.raises(PlanInvalid) as caught:
        freeze(a_plan, inventory)
    return caught.value.problems


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["web-01"], [WEB1]),
        ([str(WEB1.id).upper()], [WEB1]),
        (["tag:web"], [WEB1, WEB2]),
        (["web-02", "tag:web and env:staging", "web-02"], [WEB1, WEB2]),
        (["web-01", str(WEB1.id), "tag:web", "not tag:web"], [DB, WEB1, WEB2]),
    ],
)
def test_targets_are_found_once_each_in_order_of_names(targets, expected):
    frozen = freeze(plan(command(targets=targets)), INVENTORY)
    assert frozen.steps[0].targets == tuple(item.id for item in expected)
    assert frozen.step_run_count == len(expected)


def test_the_plans_own_targets_serve_steps_that_need_one_and_name_none():
    steps = [
        command("a"),
        command("b", target="db-01"),
        {"id": "c", "kind": "http", "with": {"url": "http://x/"}},
        {"id": "d", "kind": "http", "target": "web-01", "with": {"url": "http://x/"}},
        {"id": "e", "kind": "wait", "with": {"seconds": 1}},
    ]
    frozen = freeze(plan(*steps, targets=["tag:web"]), INVENTORY)
    assert [step.targets for step in frozen.steps] == [
        (WEB1.id, WEB2.id), (DB.id,), (None,), (WEB1.id,), (None,)
    ]  # fmt: skip


def test_a_command_without_any_target_is_refused():
    with pytest.raises(PlanInvalid) as caught:
        plan(command())
    assert [(p.path, p.code) for p in caught.value.problems] == [("steps[0].target", "target.missing")]


def test_both_target_and_targets_are_refused():
    with pytest.raises(PlanInvalid) as caught:
        plan(command(target="a", targets=["b"]))
    assert caught.value.problems[0].code == "field.conflict"


@pytest.mark.parametrize("step", [command(targets=[]), command(target="web-01")])
def test_an_empty_list_of_targets_is_never_all(step):
    with pytest.raises(PlanInvalid) as caught:
        plan(step, targets=[])
    assert {problem.code for problem in caught.value.problems} == {"target.empty"}


def test_an_unreadable_selector_is_refused_with_its_place():
    with pytest.raises(PlanInvalid) as caught:
        plan(command(targets=["web-01", "tag:web and"]), targets=["env:live"])
    assert [(p.path, p.code) for p in caught.value.problems] == [
        ("targets[0]", "target.selector"),
        ("steps[0].targets[1]", "target.selector"),
    ]


def test_an_unknown_asset_is_named_with_its_place_and_all_are_reported():
    found = problems(plan(command("a", targets=["web-01", "web-09"]), command("b", target=str(UUID(int=1)))))
    assert [(p.path, p.code) for p in found] == [
        ("steps[0].targets[1]", "asset.unknown"),
        ("steps[1].target", "asset.unknown"),
    ]


def test_another_tenants_asset_is_exactly_as_unknown_as_none():
    foreign, absent = asset("theirs-01"), asset("nobody-1")
    for written in (lambda item: item.name, lambda item: str(item.id)):
        texts = [str(problems(plan(command(target=written(item))))[0]).replace(written(item), "?")
                 for item in (foreign, absent)]  # fmt: skip
        assert texts[0] == texts[1]


def test_a_selector_that_finds_nothing_or_too_much_is_refused_with_the_count(settings):
    settings.OPSC = settings.OPSC | {"PLAN_MAX_TARGETS": 2}
    found = problems(plan(command("a", target="tag:cache"), command("b", target="tag:web or tag:db")))
    assert [problem.code for problem in found[:2]] == ["target.empty", "target.too_many"]
    assert "matches 0 assets" in found[0].message
    assert "matches 3 assets; at most 2 are allowed" in found[1].message


def test_the_targets_of_all_steps_together_are_limited(settings):
    settings.OPSC = settings.OPSC | {"PLAN_MAX_TARGETS": 2}
    found = problems(plan(*[command(item.name, target=item.name) for item in INVENTORY]))
    assert [problem.code for problem in found] == ["target.too_many"]


def test_step_runs_are_limited(settings):
    settings.OPSC = settings.OPSC | {"PLAN_MAX_STEP_RUNS": 5}
    found = problems(plan(command("a"), command("b"), targets=["tag:web or tag:db"]))
    assert [problem.code for problem in found] == ["step_runs.too_many"]
    assert found[0].message.startswith("6 step runs")


def test_the_names_a_plan_needs_are_known_without_any_inventory():
    steps = [command("a", target="web-01"), command("b", targets=["db-01", str(DB.id).upper()])]
    assert plan(*steps, targets=["x"]).target_names() == {"web-01", "db-01", str(DB.id), "x"}
    assert plan(*steps, targets=["tag:x"]).target_names() is None
    assert plan({"id": "a", "kind": "wait", "with": {"seconds": 1}}).target_names() == frozenset()


def test_only_assets_that_are_changed_are_held_unless_the_plan_asks():
    steps = [command("a", target="web-02"), command("b", target="web-01", action_class="read")]
    assert freeze(plan(*steps), INVENTORY).changes_assets == (WEB2.id,)
    frozen = freeze(plan(*steps, lock_reads=True), INVENTORY)
    assert (frozen.changes_assets, frozen.shares_assets) == ((WEB2.id,), (WEB1.id,))


def test_the_spec_of_a_step_says_what_is_left_to_defaults():
    verify = {"kind": "http", "with": {"url": "http://x/"}}
    frozen = freeze(plan(command(target="web-01", verify=verify), targets=["web-02"]), INVENTORY)
    spec = frozen.steps[0].spec
    assert spec["expect"] == {"exit_codes": [0]}
    assert spec["verify"] == {"kind": "http", "with": {"method": "GET", "url": "http://x/"}, "expect": {}}
    assert b"exit_codes" not in frozen.canonical
    script = {"id": "a", "kind": "script", "target": "web-01", "with": {"script": "id"}}
    assert freeze(plan(script), INVENTORY).steps[0].spec["with"]["interpreter"] == "/bin/sh"


def test_the_approval_hash_follows_what_would_be_done_and_not_how_it_was_found():
    steps = [command(targets=["tag:web"])]
    first = freeze(plan(*steps), INVENTORY)
    shuffled = random.Random(1).sample(INVENTORY, 3)
    assert freeze(plan(*steps), shuffled).approval_hash == first.approval_hash
    renamed = [dataclasses.replace(item, name=f"z-{item.name}") for item in INVENTORY]
    assert freeze(plan(*steps), renamed).approval_hash == first.approval_hash
    grown = [*INVENTORY, asset("web-03", "dev", "web")]
    assert freeze(plan(*steps), grown).approval_hash != first.approval_hash
    assert freeze(plan(*steps), grown).plan_hash == first.plan_hash
    replaced = [item if item is not WEB1 else dataclasses.replace(WEB1, id=UUID(int=5)) for item in INVENTORY]
    assert freeze(plan(*steps), replaced).approval_hash != first.approval_hash


def test_a_frozen_plan_can_be_frozen_again_from_its_stored_bytes():
    first = freeze(plan(command(targets=["tag:web"], timeout=5.0), priority="urgent"), INVENTORY)
    assert freeze(parse_plan(first.canonical), INVENTORY) == first
    assert first.plan_hash == plan_hash(first.canonical)
    assert (first.priority, first.name, first.on_busy) == (0, "t", "wait")
