"""What a step can do, what may happen when its worker is lost, and what follows for the plan."""

from uuid import uuid4

import pytest

from executions.plans import InventoryItem, PlanInvalid, freeze, parse_plan
from safety.choices import ActionClass, Effect, Environment, SlaClass

PROBE = {"kind": "command", "with": {"argv": ["test", "-e", "/done"]}}


def command(**fields):
    return {"id": "a", "kind": "command", "with": {"argv": ["true"]}, "target": "dev-1", **fields}


def http(method, **fields):
    return {"id": "a", "kind": "http", "with": {"method": method, "url": "http://x/"}, **fields}


def wait(seconds=1.0, **fields):
    return {"id": "a", "kind": "wait", "with": {"seconds": seconds}, **fields}


def plan(*steps, **header):
    numbered = [{**step, "id": f"s{index}"} for index, step in enumerate(steps)]
    return parse_plan({"version": 1, "name": "t", "steps": numbered, **header})


def frozen(*steps, **header):
    environments = ("dev", "staging", "prod")
    inventory = [
        InventoryItem(uuid4(), f"{e}-{n}", e, frozenset({e}), "ssh") for e in environments for n in range(30)
    ]
    return freeze(plan(*steps, **header), inventory)


def codes(*steps):
    with pytest.raises(PlanInvalid) as caught:
        plan(*steps)
    return [problem.code for problem in caught.value.problems]


def test_a_clean_up_acts_and_so_does_its_step():
    clean_up = {"kind": "command", "with": {"argv": ["rm", "/tmp/half"]}}
    assert codes(command(action_class="read", on_cancel=clean_up)) == ["on_cancel.read"]
    assert codes(http("GET", on_cancel=clean_up)) == ["on_cancel.read", "on_cancel.target"]
    assert codes(http("POST", on_cancel=clean_up)) == ["on_cancel.target"]
    assert codes(wait(on_cancel=clean_up)) == ["on_cancel.read", "on_cancel.target"]
    assert codes(command(on_cancel=clean_up | {"timeout": 0})) == ["timeout.range"]
    twice = {"kind": "http", "with": {"url": "http://x/", "method": "POST", "body": "a", "json": 1}}
    assert codes(command(on_cancel=twice)) == ["param.conflict"]
    plan(http("POST", target="dev-1", on_cancel=clean_up), command(on_cancel=clean_up))


def test_what_cleans_up_is_part_of_what_is_approved():
    clean_up = {"kind": "command", "with": {"argv": ["rm", "/tmp/half"]}, "timeout": 5}
    other = clean_up | {"timeout": 6}
    plain, one, two = (
        frozen(command(**more)) for more in ({}, {"on_cancel": clean_up}, {"on_cancel": other})
    )
    assert one.steps[0].spec["on_cancel"] == clean_up
    assert len({each.approval_hash for each in (plain, one, two)}) == 3


@pytest.mark.parametrize(
    ("step", "action", "effect"),
    [
        (command(), "modify", "unsafe"),
        (command(action_class="deploy"), "deploy", "unsafe"),
        (command(action_class="read"), "read", "read"),
        (command(action_class="read", effect="unsafe"), "read", "unsafe"),
        (command(effect="idempotent", retries=3), "modify", "idempotent"),
        (command(effect="checkable", verify=PROBE), "modify", "checkable"),
        (command(verify=PROBE), "modify", "checkable"),
        (command(kind="script", **{"with": {"script": "x"}}), "modify", "unsafe"),
        (http("GET"), "read", "read"),
        (http("HEAD"), "read", "read"),
        (http("OPTIONS"), "read", "read"),
        (http("GET", action_class="modify"), "modify", "unsafe"),
        (http("PUT"), "modify", "idempotent"),
        (http("DELETE"), "modify", "idempotent"),
        (http("PUT", effect="unsafe"), "modify", "unsafe"),
        (http("POST"), "modify", "unsafe"),
        (http("PATCH"), "modify", "unsafe"),
        (http("POST", effect="idempotent"), "modify", "idempotent"),
        (wait(), "read", "read"),
    ],
)
def test_class_and_effect_are_derived_or_declared(step, action, effect):
    result = frozen(step).steps[0]
    assert (result.action_class, result.effect) == (ActionClass(action), Effect(effect))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_changes_something_cannot_be_declared_a_read(method):
    assert codes(http(method, action_class="read")) == ["action_class.too_low"]
    assert codes(http(method, effect="read")) == ["effect.contradiction"]


def test_a_changing_command_cannot_claim_a_read_effect():
    assert codes(command(effect="read")) == ["effect.contradiction"]


@pytest.mark.parametrize(
    "step", [command(retries=1), http("POST", retries=1), command(effect="unsafe", retries=1)]
)
def test_a_step_that_is_not_safe_to_repeat_has_no_retries(step):
    assert codes(step) == ["retries.unsafe_step"]


def test_a_checkable_step_has_a_probe_that_only_reads():
    assert codes(command(effect="checkable")) == ["verify.missing"]
    probe = {"kind": "http", "with": {"url": "http://x/", "method": "POST"}}
    assert codes(command(verify=probe)) == ["verify.not_read"]
    assert codes(command(effect="idempotent", verify=PROBE)) == ["verify.unused"]
    with pytest.raises(PlanInvalid, match=r"^steps\[0\]\.verify\.kind: must be 'command', 'script', 'http'$"):
        plan(command(verify=PROBE | {"kind": "wait"}))


@pytest.mark.parametrize(
    ("steps", "seconds", "sla"),
    [
        ([command()], 3, "fast"),
        ([http("GET")], 2, "fast"),
        ([command(timeout=1)], 1, "fast"),
        ([wait(9.99)], 9.99, "fast"),
        ([wait(10)], 10, "medium"),
        ([wait(30)], 30, "medium"),
        ([wait(30.5)], 30.5, "long"),
        ([command(estimate=40, timeout=5)], 40, "long"),
        ([command(), command(), command(), command()], 12, "medium"),
        ([command(), command(depends_on=[]), command(depends_on=[])], 3, "fast"),
        ([{**command(max_parallel=2), "target": "env:dev"}], 45, "long"),
        ([{**command(), "target": "env:dev"}], 3, "fast"),
    ],
)
def test_the_estimate_is_the_longest_path_and_gives_the_sla_class(steps, seconds, sla):
    result = frozen(*steps)
    assert (result.estimate_s, result.sla) == (pytest.approx(seconds), SlaClass(sla))


@pytest.mark.parametrize(
    ("asked", "step", "mode"),
    [
        ("auto", command(), "immediate"),
        ("auto", command(target="env:dev"), "background"),  # 30 step runs
        ("immediate", command(target="env:dev"), "immediate"),
        ("immediate", wait(10), "background"),
        ("auto", wait(10), "background"),
        ("background", command(), "background"),
    ],
)
def test_only_fast_plans_run_while_the_caller_waits(asked, step, mode):
    assert frozen(step, mode=asked).mode == mode


def test_the_highest_class_and_environment_of_a_plan_count():
    result = frozen(http("GET"), command(target="prod-1", action_class="read"), command(target="dev-2"))
    assert (result.action_class, result.environment) == (ActionClass.MODIFY, Environment.PROD)
    assert frozen(http("POST")).environment is Environment.DEV
