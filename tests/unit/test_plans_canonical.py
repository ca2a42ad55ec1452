"""One plan has one hash, whatever the order of its keys, and any change changes it."""

import copy
import json
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from executions.plans import canonical_bytes, parse_plan, plan_hash

PLAN = {
    "version": 1,
    "name": "Rolling restart",
    "description": "now",
    "targets": ["web-02", "web-01"],
    "mode": "background",
    "priority": "urgent",
    "approval_level": 1,
    "on_busy": "fail",
    "lock_reads": True,
    "steps": [
        {
            "id": "stop",
            "name": "Stop it",
            "kind": "command",
            "with": {
                "argv": ["systemctl", "stop", "app"],
                "cwd": "/srv",
                "env": {"A": "1", "B": "2"},
                "secrets": {"TOKEN": {"secret": "env:APP#token"}},
                "stdin": "yes",
            },
            "action_class": "deploy",
            "effect": "checkable",
            "verify": {"kind": "command", "with": {"argv": ["pgrep", "app"]}, "expect": {"exit_codes": [1]}},
            "timeout": 8,
            "retries": 2,
            "max_parallel": 1,
            "estimate": 3,
            "on_failure": "continue",
            "expect": {"exit_codes": [0, 3], "output": "stopped", "not_output": "failed"},
        },
        {"id": "pause", "kind": "wait", "with": {"seconds": 1}, "depends_on": []},
        {
            "id": "tell",
            "kind": "http",
            "target": "lb-01",
            "depends_on": ["stop", "pause"],
            "with": {"method": "PUT", "url": "https://example.org/x", "json": {"a": [1, 2.5, None, True]}},
            "expect": {"status": [200, 204]},
        },
        {"id": "say", "kind": "script", "targets": ["b", "a"], "with": {"script": "id", "interpreter": "sh"}},
    ],
}  # fmt: skip


def hash_of(document):
    return plan_hash(parse_plan(document).canonical)


def shuffled(value, chance):
    if isinstance(value, dict):
        items = [(key, shuffled(item, chance)) for key, item in value.items()]
        chance.shuffle(items)
        return dict(items)
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


def leaves(value, path=()):
    """Places of all values that are no object and no list."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


CHANGED = {
    "mode": "auto",
    "priority": "bulk",
    "on_busy": "wait",
    "on_failure": "abort",
    "action_class": "modify",
    "method": "DELETE",
    "url": "https://example.org/y",
    "timeout": 9,
    "secret": "env:APP#other",
}
FIXED = {"version", "kind", "effect"}  # changing these alone gives no valid plan
NAMES_OF_STEPS = {
    ("steps", 0, "id"),
    ("steps", 1, "id"),
    ("steps", 2, "depends_on", 0),
    ("steps", 2, "depends_on", 1),
}


@pytest.mark.parametrize(
    "path", [path for path in leaves(PLAN) if path[-1] not in FIXED and path not in NAMES_OF_STEPS], ids=str
)
def test_any_change_of_one_field_changes_the_hash(path):
    other = copy.deepcopy(PLAN)
    place = other
    for part in path[:-1]:
        place = place[part]
    value = place[path[-1]]
    place[path[-1]] = CHANGED.get(path[-1]) or (
        (not value)
        if isinstance(value, bool)
        else (value + 1)
        if isinstance(value, int | float)
        else f"{value}x"
    )
    assert hash_of(other) != hash_of(PLAN)


@pytest.mark.parametrize("key", ["description", "targets", "mode", "lock_reads", "priority"])
def test_leaving_out_a_field_changes_the_hash(key):
    steps = [step for step in PLAN["steps"] if step["id"] in {"pause", "say"}]
    whole = PLAN | {"steps": steps}
    assert hash_of(whole) != hash_of({name: value for name, value in whole.items() if name != key})


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_and_targets_does_not_matter(chance):
    other = shuffled(PLAN, chance)
    chance.shuffle(other["targets"])
    chance.shuffle(other["steps"][3]["targets"])
    chance.shuffle(other["steps"][2]["depends_on"])
    assert hash_of(other) == hash_of(PLAN)
    assert parse_plan(json.dumps(other, indent=3)).canonical == parse_plan(PLAN).canonical


def test_a_target_named_twice_counts_once():
    assert hash_of(PLAN | {"targets": ["web-01", "web-02", "web-01"]}) == hash_of(PLAN)


def test_the_order_of_steps_and_arguments_does_matter():
    other = copy.deepcopy(PLAN)
    other["steps"][0]["with"]["argv"].reverse()
    assert hash_of(other) != hash_of(PLAN)
    assert hash_of(PLAN | {"steps": PLAN["steps"][1::-1] + PLAN["steps"][2:]}) != hash_of(PLAN)


def test_lists_called_targets_inside_a_request_keep_their_order():
    def plan(targets):
        step = {"id": "a", "kind": "http", "with": {"url": "http://x/", "json": {"targets": targets}}}
        return {"version": 1, "name": "t", "steps": [step]}

    assert hash_of(plan(["a", "b"])) != hash_of(plan(["b", "a"]))


def test_a_canonical_plan_read_again_is_the_same_plan():
    first = parse_plan(PLAN)
    again = parse_plan(first.canonical)
    assert (again.canonical, again.document) == (first.canonical, first.document)
    assert again.waits_for == first.waits_for
    assert canonical_bytes(json.loads(first.canonical)) == first.canonical


def test_the_canonical_form_is_compact_sorted_utf8():
    assert canonical_bytes({"b": [1.0, -0.0, 2.5], "a": "ü\n", "c": 1e300}) == (
        '{"a":"ü\\n","b":[1,0,2.5],"c":1e+300}'.encode()
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.randoms(use_true_random=False))
def test_canonical_bytes_say_the_same_as_the_data(value, chance):
    raw = canonical_bytes(value)
    assert json.loads(raw) == value
    assert canonical_bytes(json.loads(raw)) == raw
    assert canonical_bytes(shuffled(value, chance)) == raw


@given(JSON, JSON)
def test_different_data_have_different_bytes(left, right):
    assume(json.dumps(left, sort_keys=True) != json.dumps(right, sort_keys=True))
    if canonical_bytes(left) == canonical_bytes(right):
        assert left == right  # 1 and 1.0 only


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_is_no_number_has_no_canonical_form(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_bytes(value)


def test_no_seed_of_the_process_shows_in_the_hash():
    assert hash_of(shuffled(PLAN, random.Random(7))) == plan_hash(parse_plan(PLAN).canonical)
