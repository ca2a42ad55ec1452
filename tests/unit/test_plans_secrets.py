"""A plan carries references to secrets in the places made for them, and never a value."""

import pytest

from executions.plans import PlanInvalid, parse_plan

REFERENCE = {"secret": "vault:kv/acme/web#password"}
AWS_KEY = "AKIA" + "QYLPMN5HHHFPZAM2"
PASSWORD = "hunter2-hunter2"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def plan(kind="command", **arguments):
    defaults = {
        "command": {"argv": ["true"]},
        "script": {"script": "true"},
        "http": {"url": "https://x.example/"},
    }
    step = {"id": "a", "kind": kind, "target": "web-01", "with": {**defaults[kind], **arguments}}
    return {"version": 1, "name": "t", "steps": [step]}


def problems(raw):
    with pytest.raises(PlanInvalid) as caught:
        parse_plan(raw)
    return caught.value.problems


@pytest.mark.parametrize(
    "raw",
    [
        plan(secrets={"DB_PASSWORD": REFERENCE}),
        plan(stdin=REFERENCE),
        plan("script", secrets={"TOKEN": REFERENCE}, stdin=REFERENCE),
        plan("http", method="POST", headers={"Authorization": REFERENCE}, body=REFERENCE),
        plan("http", method="POST", json={"user": "x", "password": REFERENCE, "list": [REFERENCE]}),
        plan("http", method="POST", json=REFERENCE),
    ],
)
def test_a_reference_may_stand_where_it_stays_off_the_command_line(raw):
    assert parse_plan(raw).steps[0].kind == raw["steps"][0]["kind"]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (plan(argv=["mysql", REFERENCE]), "steps[0].with.argv[1]"),
        (plan(env={"A": REFERENCE}), "steps[0].with.env.A"),
        (plan(cwd=REFERENCE), "steps[0].with.cwd"),
        (plan("script", script=REFERENCE), "steps[0].with.script"),
        (plan("http", url=REFERENCE), "steps[0].with.url"),
    ],
)
def test_a_reference_elsewhere_is_refused_with_where_it_belongs(raw, path):
    found = problems(raw)
    assert [(problem.path, problem.code) for problem in found] == [(path, "secret.ref")]
    assert "with.secrets" in found[0].hint


@pytest.mark.parametrize(
    "reference",
    [
        "vault:../other/x#k",
        "vault:kv/../../x#k",
        "vault:/etc/passwd#k",
        "nostore",
        "",
        "vault:#k",
        "vault:a#b c",
        7,
        None,
    ],
)
def test_an_unreadable_reference_is_refused(reference):
    for raw in (plan(stdin={"secret": reference}), plan(secrets={"A": {"secret": reference}})):
        assert "secret.ref" in {problem.code for problem in problems(raw)}


def test_a_reference_with_more_in_it_is_no_reference():
    found = problems(plan(stdin={**REFERENCE, "default": "x"}))
    assert ("steps[0].with.stdin", "secret.ref") in {(problem.path, problem.code) for problem in found}


def test_an_unreadable_reference_inside_a_request_is_refused():
    found = problems(plan("http", method="POST", json={"a": [{"secret": "vault:../x#k"}]}))
    assert ("steps[0].with.json", "secret.ref") in {(problem.path, problem.code) for problem in found}


@pytest.mark.parametrize(
    ("raw", "path", "value"),
    [
        (plan(argv=["aws", "--key", AWS_KEY]), "steps[0].with.argv[2]", AWS_KEY),
        (plan(env={"DB_PASSWORD": PASSWORD}), "steps[0].with.env.DB_PASSWORD", PASSWORD),
        (plan(secrets={"DB": PASSWORD}), "steps[0].with.secrets.DB", PASSWORD),
        (
            plan("script", script=f"git clone https://x:{GITHUB}@example.org/a"),
            "steps[0].with.script",
            GITHUB,
        ),
        (plan("http", headers={"X": f"token {GITHUB}"}), "steps[0].with.headers.X", GITHUB),
        (
            plan("http", json={"auth": {"password": PASSWORD}}),
            "steps[0].with.json.auth.password",
            PASSWORD,
        ),
        (plan() | {"description": f"uses {AWS_KEY}"}, "description", AWS_KEY),
    ],
)
def test_a_value_that_looks_like_a_secret_is_refused_and_not_repeated(raw, path, value):
    found = problems(raw)
    assert (path, "secret.literal") in {(problem.path, problem.code) for problem in found}
    assert value not in "".join(map(str, found))
    assert '{"secret": "store:path#key"}' in found[0].hint


@pytest.mark.parametrize(
    "raw",
    [
        plan() | {"mode": GITHUB},
        plan() | {GITHUB: 1},
        plan() | {"steps": [{"id": "a", "kind": AWS_KEY}]},
        plan() | {"steps": [{"id": "a", "kind": "wait", "with": {"seconds": 1}, "depends_on": [GITHUB]}]},
        plan("http", url="https://x.example/", json={GITHUB: {"password": PASSWORD}}),
        plan(secrets={GITHUB: {"secret": GITHUB}}),
        f'{{"{GITHUB}": 1, "{GITHUB}": 2}}',
    ],
)
def test_a_secret_in_the_wrong_place_is_not_echoed(raw):
    text = "".join(f"{problem}{problem.path}" for problem in problems(raw))
    assert GITHUB not in text
    assert AWS_KEY not in text


@pytest.mark.parametrize(
    "raw",
    [
        plan(argv=["sh", "-c", 'curl -H "Authorization: Bearer $TOKEN" x'], secrets={"TOKEN": REFERENCE}),
        plan(env={"PGPASSWORD": "${DB_PASSWORD}"}),
        plan(argv=["passwd", "--expire", "olga"]),
        plan() | {"name": "Rotate the API token", "description": "password: ask Olga"},
    ],
)
def test_a_plan_that_only_talks_about_secrets_is_fine(raw):
    assert parse_plan(raw).name
