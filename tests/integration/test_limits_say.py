"""Every kind of limit, of a tenant, of the platform and of the installation, says what it is and who can change it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from executions import lifecycle
from executions.errors import LimitReached, TooFast
from executions.plans import PlanInvalid
from safety import limits as cached
from safety.models import Limit, LimitKind
from tests.commands import manage, plan_file
from tests.world import World, script, wait_step

WHO = {True: "limit of Acme: a tenant admin", False: "limit of the platform: whoever runs the platform"}
WHERE = "can change it in the admin, under Limits"


@pytest.fixture(autouse=True)
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "FRESH_S", 0.0)


def two_targets(world: World) -> dict[str, Any]:
    for name in ("one", "two"):
        if not world.acme.assets.filter(name=name).exists():
            world.here(name)
    return {"steps": [script("true")], "targets": ["one", "two"]}


def two_steps(_: World) -> dict[str, Any]:
    return {"steps": [wait_step("a"), wait_step("b")]}


# Kind to a plan that breaks the limit of 1, what is said, and how often it has to be submitted to do so.
REFUSED: dict[str, tuple[Callable[[World], dict[str, Any]], str, int]] = {
    LimitKind.TARGETS: (two_targets, "At most 1 targets of one run; this one has 2.", 1),
    LimitKind.STEP_RUNS: (two_steps, "At most 1 step runs of one run; this one has 2.", 1),
    LimitKind.SUBMISSIONS: (
        two_steps,
        "At most 1 submissions of one person in a minute; this is number 2.",
        2,
    ),
}
WAITS = {LimitKind.RUNNING}


def test_every_kind_is_here() -> None:
    assert set(LimitKind.values) == {*REFUSED, *WAITS}


@pytest.mark.parametrize("is_tenants", [True, False])
@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_says_it_at_every_door(world: World, tmp_path: Path, kind: str, is_tenants: bool) -> None:
    Limit.objects.create(tenant=world.acme if is_tenants else None, kind=kind, most=1)
    make, sentence, times = REFUSED[kind]
    plan = make(world)
    steps, header = plan.pop("steps"), plan
    for _ in range(times - 1):
        world.submit(*steps, **header)
    with pytest.raises((LimitReached, TooFast)) as refused:
        world.submit(*steps, **header)
    assert str(refused.value) == sentence
    assert f"It is a {WHO[is_tenants]} {WHERE}." in refused.value.hint

    typed = manage("submit", plan_file(tmp_path, *steps, **header), "--as", "olga")
    assert (typed.code, sentence in typed.err, f"{WHO[is_tenants]} {WHERE}" in typed.err) == (2, True, True)

    client = Client()
    client.force_login(world.olga)
    text = json.dumps({"version": 1, "name": "by page", "mode": "background", "steps": steps} | header)
    form = {"tenant": world.acme.pk, "plan": text}
    seen = client.post("/executions/new/preview/", form)
    sent = client.post("/executions/new/confirm/", form | {"seen_hash": seen.context["frozen"].approval_hash})
    page = sent.content.decode()
    assert sentence in page
    assert f"{WHO[is_tenants]} {WHERE}" in page


@pytest.mark.parametrize("is_tenants", [True, False])
def test_what_waits_says_it_on_its_page_and_on_the_command_line(world: World, is_tenants: bool) -> None:
    Limit.objects.create(tenant=world.acme if is_tenants else None, kind="running", most=1)
    for _ in range(2):
        world.submit(wait_step())
    claimed = lifecycle.claim_from("fast", worker="w", ttl_s=30)
    assert claimed is not None
    waiting = next(one.pk for one in world.acme.executions.all() if one.pk != claimed.execution_id)
    client = Client()
    client.force_login(world.olga)
    whose, who = WHO[is_tenants].split(": ")
    said = f"at most 1 runs at work at once ({whose})", f"{who} {WHERE}"
    page = client.get(f"/executions/{waiting}/").content.decode()
    shown = manage("show", str(waiting)[:8], "--as", "olga").out
    assert [words in " ".join(text.split()) for text in (page, shown) for words in said] == [True] * 4


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels else "x"


# Setting to its lowest value for the test, and what then breaks it.
OF_THE_INSTALLATION: dict[str, tuple[int, Callable[[World], dict[str, Any]]]] = {
    "PLAN_MAX_BYTES": (80, two_steps),
    "PLAN_MAX_STEPS": (1, two_steps),
    "PLAN_MAX_TARGETS": (1, two_targets),
    "PLAN_MAX_STEP_RUNS": (1, two_steps),
    "PLAN_MAX_DEPTH": (4, lambda _: {"steps": [wait_step(annotations=deep(9))]}),
}


def test_every_limit_of_a_plan_is_here() -> None:
    assert {name for name in settings.OPSC if name.startswith("PLAN_MAX_")} == set(OF_THE_INSTALLATION)


@pytest.mark.parametrize("name", OF_THE_INSTALLATION)
def test_a_plan_beyond_the_installation_is_told_the_setting(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    most, make = OF_THE_INSTALLATION[name]
    plan = make(world)
    monkeypatch.setitem(settings.OPSC, name, most)
    with pytest.raises(PlanInvalid) as refused:
        world.submit(*plan.pop("steps"), **plan)
    said = str(refused.value)
    assert f"the limit is the setting OPSC_{name}; whoever runs the platform can change it" in said
    assert str(most) in said
