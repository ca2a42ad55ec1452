"""Ids of A in every field of every form and in every query, sent by Nina to pages that are hers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from executions.models import Asset, Execution, StepRun
from tests.integration.walk.asking import Asker
from tests.integration.walk.fields import fields_of
from tests.integration.walk.own import own_places
from tests.integration.walk.scene import Scene
from tests.leaks.walking import Filled

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(600)]

NOT_ALLOWED = 405
# Pages whose answer is of chance: a secret that is made anew, or what takes a reason for one.
NEVER_ALIKE = {"second_factor", "new_token", "executions:break_glass"}
# Where a number is a number.
NUMBERS = {"q", "before", "minutes", "hours", "days", "percent", "most_level"}


@contextmanager
def _read() -> Iterator[set[str]]:
    """Every name that is looked for in a query or a form meanwhile."""
    names: set[str] = set()
    plain = MultiValueDict.__getitem__, MultiValueDict.get, MultiValueDict.getlist

    def watched(method: Any) -> Any:
        def look(given: Any, name: Any, *more: Any, **others: Any) -> Any:
            if isinstance(given, QueryDict):
                names.add(str(name))
            return method(given, name, *more, **others)

        return look

    MultiValueDict.__getitem__, MultiValueDict.get, MultiValueDict.getlist = map(watched, plain)  # type: ignore
    try:
        yield names
    finally:
        MultiValueDict.__getitem__, MultiValueDict.get, MultiValueDict.getlist = plain  # type: ignore


def _values(scene: Scene) -> list[tuple[Any, Any]]:
    """What is A's, and in its place what nothing is."""
    run, asset = Execution.objects.get(tenant=scene.a, status="running"), Asset.objects.get(tenant=scene.a)
    step_run = StepRun.objects.get(tenant=scene.a)
    high = 10**6
    return [
        (run.pk, uuid4()),
        (asset.pk, uuid4()),
        (step_run.pk, uuid4()),
        (scene.a.pk, scene.a.pk + high),
        (scene.olga.pk, scene.olga.pk + high),
        (scene.a.slug, "acmf"),
        (asset.name, asset.name[::-1]),
        (scene.olga.username, scene.olga.username[::-1]),
    ]


def _sent(name: str, value: Any) -> Any:
    """In a plan it is what a step acts on."""
    if name != "plan":
        return value
    step = {"id": "a", "kind": "command", "with": {"argv": ["true"]}, "action_class": "read"}
    return json.dumps(
        {"version": 1, "name": "x", "mode": "background", "targets": [str(value)], "steps": [step]}
    )


def _wrong(asker: Asker, scene: Scene, place: Filled, method: str, fields: dict[str, Any]) -> list[str]:
    found, values, unknown = [], _values(scene), {}
    with _read() as names:
        asker.ask(method, place.address, fields)
    for name in sorted(names - {"csrfmiddlewaretoken"}):
        for value, nothing in values:
            if isinstance(value, int) and name in NUMBERS:
                continue
            answer = asker.ask(method, place.address, {**fields, name: _sent(name, value)})
            other = unknown.get((name, type(value)))
            if other is None:
                asked = asker.ask(method, place.address, {**fields, name: _sent(name, nothing)})
                other = unknown[name, type(value)] = asked.alike(nothing)
            said = f"{method} {place.name} with {name}={value}: {answer.status}"
            found += [f"{said} tells {leak}" for leak in asker.leaks(answer, value)]
            found += [f"{said} changed {change}" for change in answer.changed]
            if place.name not in NEVER_ALIKE and answer.alike(value) != other:
                found.append(f"{said}, and what nothing is gets another answer")
    return found


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_id_of_somebody_else_is_as_unknown_as_one_that_nothing_has(scene: Scene, method: str) -> None:
    nina, wrong = Asker(scene, scene.nina, about_a=True), []
    for place in own_places(scene):
        if place.name.startswith("admin:") or nina.ask(method, place.address).status == NOT_ALLOWED:
            continue
        fields = (fields_of(scene, place, scene.b) or {}) if method == "POST" else {}
        wrong += _wrong(nina, scene, place, method, fields)
    assert not wrong, "\n".join(wrong)
