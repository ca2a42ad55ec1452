"""Every wrong plan gets a stable code, its place, and a hint; nothing is guessed or coerced."""

import pytest

from executions.plans import PlanInvalid, parse_plan


def plan(*steps, **header):
    return {"version": 1, "name": "t", "steps": list(steps), **header}


def wait(**fields):
    return {"id": "a", "kind": "wait", "with": {"seconds": 1}, **fields}


def command(**fields):
    return {"id": "a", "kind": "command", "target": "web-01", "with": {"argv": ["true"]}, **fields}


def http(**arguments):
    return {"id": "a", "kind": "http", "with": {"url": "https://example.org/", **arguments}}


def problems(raw):
    with pytest.raises(PlanInvalid) as caught:
        parse_plan(raw)
    return caught.value.problems


def only(raw):
    found = problems(raw)
    assert len(found) == 1, found
    return found[0]


def test_a_misspelt_key_is_refused_with_the_nearest_one():
    problem = only(plan(wait(), step=[]))
    assert (problem.path, problem.code, problem.hint) == ("step", "field.unknown", "did you mean steps?")
    problem = only(plan(wait(time_out=3)))
    assert (problem.path, problem.hint) == ("steps[0].time_out", "did you mean timeout?")
    problem = only(plan(http(metod="GET")))
    assert (problem.path, problem.code) == ("steps[0].with.metod", "param.unknown")
    assert problem.hint == "did you mean method?"
    problem = only(plan(command(expect={"exit_code": [0]})))
    assert (problem.path, problem.hint) == ("steps[0].expect.exit_code", "did you mean exit_codes?")


def test_a_misspelt_key_deep_in_a_probe_is_named():
    verify = {"kind": "http", "with": {"url": "http://x/", "header": {}}, "expect": {"statu": [200]}}
    found = problems(plan(command(effect="checkable", verify=verify)))
    assert {(p.path, p.hint) for p in found} == {
        ("steps[0].verify.with.header", "did you mean headers?"),
        ("steps[0].verify.expect.statu", "did you mean status?"),
    }


def test_a_misspelt_key_in_a_clean_up_is_named():
    on_cancel = {"kind": "script", "with": {"scrpt": "true", "script": "true"}, "time_out": 3}
    found = problems(plan(command(on_cancel=on_cancel)))
    assert {(p.path, p.hint) for p in found} == {
        ("steps[0].on_cancel.with.scrpt", "did you mean script?"),
        ("steps[0].on_cancel.time_out", "did you mean timeout?"),
    }


@pytest.mark.parametrize("version", [99, 0, "1", 1.0, True, None, [1]])
def test_only_version_1_is_supported(version):
    problem = only(plan(wait(), version=version))
    assert (problem.path, problem.code, problem.hint) == ("version", "plan.version", "supported: 1")


def test_a_missing_version_is_named():
    assert only({"name": "t", "steps": [wait()]}).code == "plan.version"


def test_steps_are_there_and_not_too_many(settings):
    assert only(plan()).code == "steps.empty"
    assert only({"version": 1, "name": "t"}).code == "field.missing"
    assert only(plan() | {"steps": {}}).code == "field.type"
    settings.OPSC = settings.OPSC | {"PLAN_MAX_STEPS": 3}
    problem = only(plan(*[{}] * 4))
    assert (problem.code, problem.message) == ("steps.too_many", "4 steps; at most 3 are allowed")


def test_a_hundred_thousand_steps_are_refused_at_once():
    assert only(plan() | {"steps": [0] * 100_001}).code == "steps.too_many"


@pytest.mark.parametrize(
    "bad", ["", "a/b", "a b", "a\n", "\N{ROCKET}", "\u202ea", "a" * 65, "a" * 300, "-a", 7]
)
def test_a_step_id_is_a_short_plain_word(bad):
    found = problems(plan(wait(id=bad)))
    assert [(p.path, p.code) for p in found] == [("steps[0].id", "step.id_format")]


def test_an_unknown_kind_is_an_error_and_never_a_command():
    problem = only(plan(command(kind="comand")))
    assert (problem.path, problem.code) == ("steps[0].kind", "operation.unknown")
    assert "known: command, script, http, wait" in problem.message
    assert problem.hint == "did you mean command?"
    assert only(plan(command(kind=["command"]))).code == "operation.unknown"
    assert only(plan({"id": "a"})).path == "steps[0].kind"


@pytest.mark.parametrize(
    ("step", "path", "code"),
    [
        (command(**{"with": {}}), "steps[0].with.argv", "param.missing"),
        (command(**{"with": {"argv": "ls -l"}}), "steps[0].with.argv", "param.type"),
        (command(**{"with": {"argv": []}}), "steps[0].with.argv", "param.value"),
        (command(**{"with": {"argv": ["sleep", 5]}}), "steps[0].with.argv[1]", "param.type"),
        (command(**{"with": {"argv": ["true"], "stdin": None}}), "steps[0].with.stdin", "param.type"),
        (command(**{"with": None}), "steps[0].with", "param.type"),
        (command(**{"with": {"argv": ["a\nb"]}}), "steps[0].with.argv[0]", "param.newline"),
        (
            command(**{"with": {"argv": ["a"], "env": {"OPSC_STEP": "x"}}}),
            "steps[0].with.env.OPSC_STEP",
            "param.reserved",
        ),
        (command(**{"with": {"argv": ["a"], "env": {"A": 1}}}), "steps[0].with.env.A", "param.type"),
        (command(**{"with": {"argv": ["a"], "env": {"A-B": "1"}}}), "steps[0].with.env.A-B", "param.value"),
        (wait(retries=1.0), "steps[0].retries", "field.type"),
        (wait(retries="1"), "steps[0].retries", "field.type"),
        (wait(retries=True), "steps[0].retries", "field.type"),
        (wait(targets="web-01"), "steps[0].targets", "field.type"),
        (wait(max_parallel=0), "steps[0].max_parallel", "field.value"),
        (wait(on_failure="rollback"), "steps[0].on_failure", "field.value"),
        (wait(**{"with": {"seconds": 0}}), "steps[0].with.seconds", "param.range"),
        (wait(**{"with": {"seconds": True}}), "steps[0].with.seconds", "param.range"),
        (command(expect={"output": "(?=a)"}), "steps[0].expect.output", "expect.pattern"),
        (command(expect={"status": [200]}), "steps[0].expect.status", "field.unknown"),
        (command(expect={"exit_codes": [True]}), "steps[0].expect.exit_codes[0]", "field.type"),
        (http(method="get"), "steps[0].with.method", "param.value"),
        (http(body="a", json={}), "steps[0].with.body", "param.conflict"),
        ("a step", "steps[0]", "field.type"),
    ],
)
def test_a_wrong_value_is_named_and_not_coerced(step, path, code):
    problem = only(plan(step))
    assert (problem.path, problem.code) == (path, code)


@pytest.mark.parametrize("value", ["true", 1, 0, None, 1.0])
def test_a_boolean_is_a_boolean(value):
    problem = only(plan(wait(), lock_reads=value))
    assert (problem.path, problem.code) == ("lock_reads", "field.type")


@pytest.mark.parametrize("value", [0, -1, 10**12, "5 parsecs", None, True, 86_400.5])
def test_a_timeout_out_of_range_names_the_range(value):
    problem = only(plan(wait(timeout=value)))
    assert (problem.path, problem.code) == ("steps[0].timeout", "timeout.range")
    assert problem.hint == "allowed: more than 0 and at most 86400 s"


def test_the_text_of_a_problem_reads_as_a_line():
    assert str(only(plan(wait(), wait(id="b"), wait(id="c"), wait(id="d", timeout=86_401)))).startswith(
        "steps[3].timeout: must be at most 86400 s"
    )


@pytest.mark.parametrize("value", [-1, 21, 10**9])
def test_retries_out_of_range_name_the_range(value):
    problem = only(plan(wait(retries=value)))
    assert (problem.code, problem.hint) == ("retries.range", "allowed: 0 to 20")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("x" * 10_000, "name.length"),
        ("   ", "name.blank"),
        ("", "name.blank"),
        ("a\x1b[31m", "name.characters"),
    ],
)
def test_a_name_is_short_and_readable(name, code):
    problem = only(plan(wait(), name=name))
    assert (problem.path, problem.code) == ("name", code)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "{{ 7*7 }}", "${IFS}"])
def test_a_name_with_markup_is_kept_literally(name):
    assert parse_plan(plan(wait(), name=name)).name == name


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc/passwd", "url.scheme"),
        ("gopher://example.org/", "url.scheme"),
        ("example.org", "url.scheme"),
        ("http:///x", "url.address_forbidden"),
        ("http://169.254.169.254/latest", "url.address_forbidden"),
        ("http://[::ffff:169.254.169.254]/", "url.address_forbidden"),
        ("http://[fe80::1%25eth0]/", "url.address_forbidden"),
        ("http://2130706433/", "url.address_forbidden"),
        ("http://0x7f.1/", "url.address_forbidden"),
        ("http://0177.0.0.1/", "url.address_forbidden"),
        ("http://127.0.0.1./", "url.address_forbidden"),
        ("http://0.0.0.0/", "url.address_forbidden"),
        ("http://user@example.org/", "url.credentials"),
        ("http://example.org/a b", "url.format"),
        ("http://example.org/\r\nX: y", "url.format"),
        ("http://example.org:99999/", "url.format"),
        ("http://[::1/", "url.format"),
    ],
)
def test_a_url_that_leads_astray_is_refused(url, code):
    problem = only(plan(http(url=url)))
    assert (problem.path, problem.code) == ("steps[0].with.url", code)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/health", "https://[2001:db8::1]/", "https://4chan.example/"]
)
def test_an_ordinary_url_is_accepted(url):
    assert parse_plan(plan(http(url=url))).steps[0].with_.url == url


def test_all_problems_of_a_plan_come_together():
    found = problems(
        plan(wait(timeout=0), wait(id="b", depends_on=["zz"]), command(id="b"), nam="x", version=2)
    )
    assert {p.code for p in found} == {
        "timeout.range", "step.depends_unknown", "step.id_duplicate", "field.unknown", "plan.version"
    }  # fmt: skip


def test_at_most_fifty_problems_are_reported():
    assert len(problems(plan(*[wait(id=f"s{i}", timeout=0) for i in range(80)]))) == 50


def test_a_long_input_is_never_repeated_whole():
    for raw in (
        plan(wait(), mode="x" * 10_000),
        plan(wait(**{"k" * 10_000: 1})),
        plan(wait(depends_on=["d" * 10_000])),
    ):
        assert len(str(only(raw))) < 600


@pytest.mark.parametrize("text", ["\x1b[31mred", "\u202egnp", "line\nbreak"])
def test_an_echo_carries_no_control_characters(text):
    line = str(only(plan(wait(depends_on=[text]))))
    assert line.isprintable()
