"""Every event that the code writes has words for people, and so has every fact that comes with one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from executions.models import Approval, StepGate
from executions.states import TERMINAL_STEP, ExecutionStatus
from executions.web.happened import HAPPENED, facts, happened

WRITERS = ("record", "_record", "_tell")
NOT_OURS = ("plans", "audit", "benchmark", "migrations", "web")
WHOLE = re.compile(r"[a-z_]+\.[a-z_]+")
IN_SQL = re.compile(r"'([a-z_]+\.[a-z_]*)'")
# What stands behind a name whose end is put together: 'step.' || status.
ENDS = {
    "execution.": ExecutionStatus.values,
    "step.": TERMINAL_STEP,
    "approval.": {*Approval.Status.values, *StepGate.Status.values},
}


def written() -> set[str]:
    """The types of all events that the code writes: by `record` and its kin, as `type`, and in SQL."""
    found: set[str] = set()
    for path in sorted((settings.BASE_DIR / "executions").rglob("*.py")):
        if not {*path.parts} & {*NOT_OURS}:
            found |= set(_of(path))
    return found


def _of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        for name in _named(node):
            if WHOLE.fullmatch(name):
                yield name
            elif name in ENDS:
                yield from (name + str(end) for end in ENDS[name])


def _named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if name in WRITERS:
            yield from _texts(first)
        case ast.Assign(targets=[ast.Name(id="type_")], value=value):
            yield from _texts(value)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "type":
                    yield from _texts(value)
        case ast.Constant(value=str(text)) if "opsc_event" in text:
            yield from IN_SQL.findall(text)


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def test_every_event_that_the_code_writes_has_words() -> None:
    types = written()
    assert {"step.handed_over", "lock.force_released", "approval.voted", "execution.partial"} <= types
    assert sorted(types - set(HAPPENED)) == []


def test_no_words_are_for_events_that_nobody_writes() -> None:
    assert sorted(set(HAPPENED) - written()) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"attempt": 2, "token": 7, "resume": False}, "attempt 2, token 7"),
        ({"attempt": 2, "resume": True}, "attempt 2, goes on with what its target runs already"),
        ({"category": "exit_code", "detail": "exit 3", "delay_s": 90}, "in 1 min 30 s, exit code, exit 3"),
        ({"kind": "user", "reason": "wrong <b>cluster"}, "because of a person, wrong <b>cluster"),
        ({"level": 3, "until": "2026-11-25T16:00:00+00:00"}, "level 3, until 2026-11-25 16:00:00 UTC"),
        ({"found": [{"place": "steps[0]", "kind": "token"}]}, "steps[0] (token)"),
        (
            {
                "asset": "0f0f0f0f0f",
                "person": "olga",
                "reason": "no",
                "question": "run:deploy",
                "environment": "prod",
            },
            "olga, have deploy steps run, in prod, asset 0f0f0f0f, no",
        ),
        ({"new_one": True, "other_one": [1]}, "new one: yes, other one: [1]"),
        ({"category": 3, "until": "soon", "empty": "", "none": None}, "until soon, category: 3"),
        ("no facts", ""),
    ],
)
def test_facts_are_told_in_words_and_what_says_nothing_is_left_out(data: object, said: str) -> None:
    assert facts(data) == said


def test_a_type_of_another_version_is_shown_by_its_name() -> None:
    assert happened("step.of_tomorrow") == "step.of tomorrow"
