"""What comes in as bytes is one JSON object or a problem that names its place."""

import json

import pytest

from executions.plans import PlanInvalid, parse_plan, plan_json_schema

GOOD = {"version": 1, "name": "t", "steps": [{"id": "a", "kind": "wait", "with": {"seconds": 1}}]}


def codes(raw):
    with pytest.raises(PlanInvalid) as caught:
        parse_plan(raw)
    return [problem.code for problem in caught.value.problems]


def message(raw):
    with pytest.raises(PlanInvalid) as caught:
        parse_plan(raw)
    return str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"  \n\t ", "", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_an_empty_body_is_no_plan(raw):
    assert codes(raw) == ["plan.empty"]


@pytest.mark.parametrize(
    ("raw", "offset"),
    [
        ('{"name": "Käse"}'.encode("latin-1"), 11),
        (b'\xef\xbb\xbf{"name": "\xff"}', 13),
        ("{}".encode("utf-16"), 3),
        ("{}".encode("utf-16-le"), 1),
    ],
)
def test_other_encodings_are_refused_with_the_byte_offset(raw, offset):
    assert codes(raw) == ["plan.encoding"]
    assert f"at byte {offset}" in message(raw)


def test_a_byte_order_mark_is_accepted():
    assert parse_plan(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).name == "t"


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b'{"version": 1,\n "name": "x', "line 2, column 10"),
        (b'{"version": 1}\n{"version": 1}', "line 2, column 1"),
        (b"version: 1\n\tname: x", "line 1, column 1"),
        (b'{"a": 1,}', "line 1, column 9"),
        (b"{'a': 1}", "line 1, column 2"),
    ],
)
def test_a_syntax_error_names_line_and_column(raw, where):
    assert codes(raw) == ["plan.syntax"]
    assert where in message(raw)


def test_too_many_bytes_are_refused_before_parsing():
    raw = b"[" * (50 * 1024 * 1024)
    assert codes(raw) == ["plan.too_large"]
    assert "more than 1048576 bytes" in message(raw)


@pytest.mark.parametrize("raw", [b"[]", b'"plan"', b"null", b"7", b"true", b"NaN"])
def test_the_root_is_an_object(raw):
    assert codes(raw) == ["plan.not_object"]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_hundred_thousand_levels_of_nesting_are_refused_and_harm_nothing(opening):
    assert codes(b'{"a":' + opening * 100_000) == ["plan.too_deep"]


@pytest.mark.parametrize(("levels", "fits"), [(31, True), (32, False)])
def test_nesting_is_counted_from_the_root(levels, fits):
    body = 0
    for _ in range(levels - 4):  # plan, steps, step and with are four
        body = [body]
    plan = dict(GOOD, steps=[{"id": "a", "kind": "http", "with": {"url": "http://x/", "json": [body]}}])
    if fits:
        assert parse_plan(plan).name == "t"
    else:
        assert codes(plan) == ["plan.too_deep"]


def test_a_key_that_stands_twice_is_refused_wherever_it_is():
    assert codes(b'{"name": "a", "name": "b"}') == ["field.duplicate"]
    raw = b'{"steps": [{}, {"with": {"env": {"A": "1", "A": "2"}}}]}'
    assert message(raw) == "steps[1].with.env.A: this key stands here twice"


def test_keys_that_are_equal_after_normalisation_count_as_one():
    assert codes('{"e\u0301": 1, "\u00e9": 2}') == ["field.duplicate"]


@pytest.mark.parametrize(
    "number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"9223372036854775808"]
)
def test_numbers_that_others_cannot_read_are_refused(number):
    assert codes(b'{"a": [1, ' + number + b"]}") == ["plan.number"]
    assert message(b'{"a": [1, ' + number + b"]}").startswith("a[1]: ")


def test_a_nul_character_and_half_a_surrogate_pair_are_refused():
    assert codes(b'{"name": "a\\u0000b"}') == ["text.nul"]
    assert codes(b'{"name": "\\ud800"}') == ["plan.encoding"]
    assert codes(b'{"\\ud800": 1}') == ["plan.encoding"]
    assert codes("\ud800") == ["plan.encoding"]


def test_python_data_that_is_not_json_is_refused():
    assert codes({"name": object()}) == ["plan.syntax"]


def test_a_mapping_text_and_bytes_give_the_same_plan():
    text = json.dumps(GOOD)
    assert parse_plan(GOOD).canonical == parse_plan(text).canonical == parse_plan(text.encode()).canonical


def test_names_are_normalised_but_what_goes_to_the_target_is_left_exactly_as_written():
    decomposed = "e\u0301"
    step = {"id": "a", "kind": "command", "target": decomposed, "with": {"argv": ["cat", decomposed]}}
    plan = parse_plan({"version": 1, "name": decomposed, "steps": [step]})
    assert plan.name == "\u00e9"
    assert plan.steps[0].target == "\u00e9"
    assert plan.steps[0].with_.argv == ["cat", decomposed]


def test_the_published_schema_knows_every_kind_and_refuses_unknown_keys():
    schema = plan_json_schema()
    assert set(schema["properties"]["steps"]["items"]["discriminator"]["mapping"]) == {
        "command", "script", "http", "wait"
    }  # fmt: skip
    assert all(part["additionalProperties"] is False for part in [schema, *schema["$defs"].values()])
