"""A plan is pasted, previewed and confirmed; before the confirmation nothing is stored."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from executions import rolling
from executions.models import Execution
from safety.choices import Role
from safety.models import Limit, Membership
from tests import factories
from tests.world import World, script, status_of, wait_step


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_plan(*steps: dict[str, Any], **header: Any) -> str:
    return json.dumps({"version": 1, "name": "motd", "mode": "background", "steps": list(steps)} | header)


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def hash_of(answer: Any) -> str:
    found = re.search(r'name="seen_hash"\s+value="(\w{64})"', answer.content.decode())
    assert found
    return found[1]


def test_the_preview_says_what_would_happen_and_stores_nothing(world: World) -> None:
    asset = world.here(environment="staging")
    holder = factories.an_execution(world.tom, tenant=world.acme, name="Patch staging", status="running")
    factories.a_lease(holder, asset)
    plan = a_plan(script("true", "first"), wait_step("second"), targets=["here"])
    answer = signed_in(world.olga).post("/executions/new/preview/", {"tenant": world.acme.pk, "plan": plan})
    text = text_of(answer)
    for said in (
        "2 step runs of 2 steps on 1 target , for Acme.".replace(" ,", ","),
        "It begins when you confirm what this page shows.",
        "here by Patch staging",
        "modify in staging: approval level 1",
        "second after first",
        "Confirm and run on 1 target",
    ):
        assert said in text
    assert Execution.objects.count() == 1


def _limited(world: World) -> None:
    Limit.objects.create(tenant=world.acme, kind="targets", most=1)


def _switched_off(world: World) -> None:
    factories.a_switch(world.acme, reason="storage fails <b>")


def _rolled_off(world: World) -> None:
    ada = factories.a_person("ada", Role.TENANT_ADMIN, tenant=world.acme)
    rolling.change(world.acme, rolling.Wanted(phase="off"), user=ada, reason="wrong release")


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (
            _limited,
            "At most 1 targets of one run; this one has 2. It is a limit of Acme: a tenant admin can change it",
        ),
        (
            _switched_off,
            "Runs are switched off (Acme: hold after the current step) by tom: storage fails &lt;b&gt;",
        ),
        (_rolled_off, "Runs of Acme are off, since ada: wrong release"),
    ],
)
def test_the_preview_says_what_would_refuse_it_now(
    world: World, happens: Callable[[World], None], told: str
) -> None:
    plan = {"tenant": world.acme.pk, "plan": a_plan(script("true"), targets=["here", "there"])}
    world.here("here")
    world.here("there")
    client = signed_in(world.olga)
    assert "As of now" not in text_of(client.post("/executions/new/preview/", plan))
    happens(world)
    assert f"As of now this is refused: {told}" in text_of(client.post("/executions/new/preview/", plan))


def test_confirming_runs_exactly_what_was_shown(world: World) -> None:
    world.here()
    client = signed_in(world.olga)
    data = {"tenant": world.acme.pk, "plan": a_plan(script("true"), targets=["here"])}
    shown = client.post("/executions/new/preview/", data)
    answer = client.post("/executions/new/confirm/", data | {"seen_hash": hash_of(shown)})
    execution = Execution.objects.get()
    assert answer["Location"] == f"/executions/{execution.pk}/"
    assert (execution.status, execution.approval_hash) == ("queued", hash_of(shown))


def test_a_plan_that_means_something_else_by_now_is_shown_again(world: World) -> None:
    world.here(tags=["web"])
    client = signed_in(world.olga)
    data = {"tenant": world.acme.pk, "plan": a_plan(script("true"), targets=["tag:web"])}
    shown = client.post("/executions/new/preview/", data)
    world.here("another", tags=["web"])
    answer = client.post("/executions/new/confirm/", data | {"seen_hash": hash_of(shown)})
    assert answer.status_code == 409
    assert "means something else by now" in text_of(answer)
    assert "on 2 targets" in text_of(answer)
    assert Execution.objects.count() == 0
    assert client.post("/executions/new/confirm/", data | {"seen_hash": hash_of(answer)}).status_code == 302


def test_an_immediate_plan_has_run_when_the_page_answers(world: World, working: None) -> None:
    client = signed_in(world.olga)
    data = {"tenant": world.acme.pk, "plan": a_plan(wait_step(), mode="immediate")}
    shown = client.post("/executions/new/preview/", data)
    answer = client.post("/executions/new/confirm/", data | {"seen_hash": hash_of(shown)}, follow=True)
    assert "Every step run is over and none failed." in text_of(answer)
    assert Execution.objects.get().mode == "immediate"


def test_the_same_plan_again_leads_to_the_first_run_unless_asked_otherwise(world: World) -> None:
    client = signed_in(world.olga)
    data = {"tenant": world.acme.pk, "plan": a_plan(wait_step())}
    data["seen_hash"] = hash_of(client.post("/executions/new/preview/", data))
    first = client.post("/executions/new/confirm/", data)["Location"]
    answer = client.post("/executions/new/confirm/", data, follow=True)
    assert answer.redirect_chain == [(first, 302)]
    assert "no new one was made" in text_of(answer)
    assert client.post("/executions/new/confirm/", data | {"again": "on"})["Location"] != first


@pytest.mark.parametrize(
    ("plan", "place", "said"),
    [
        ("{", "", "not valid JSON at line 1"),
        (a_plan({"id": "a", "kind": "comand"}), "steps[0].kind", "did you mean command?"),
        (a_plan(script("true", timeout=-1), targets=["here"]), "steps[0].timeout", "must be more than 0"),
        (a_plan(script("true"), targets=["nowhere"]), "targets[0]", "nowhere"),
        (a_plan({"id": "<img src=x>", "kind": "\u202ewait"}), "steps[0].kind", "unknown kind"),
    ],
)
def test_every_problem_of_a_plan_is_listed_with_its_place(
    world: World, plan: str, place: str, said: str
) -> None:
    world.here()
    client = signed_in(world.olga)
    answer = client.post("/executions/new/preview/", {"tenant": world.acme.pk, "plan": plan})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert f"<code>{place}</code>" in page or not place
    assert said in text_of(answer)
    assert "<img src=x>" not in page
    assert "\u202e" not in page.partition("<form class")[0]
    assert Execution.objects.count() == 0


def test_going_back_keeps_what_was_written(world: World) -> None:
    data = {"tenant": world.acme.pk, "plan": a_plan(wait_step()), "edit": "1"}
    page = signed_in(world.olga).post("/executions/new/preview/", data).content.decode()
    assert "&quot;motd&quot;" in page
    assert "readonly" not in page


def test_a_plan_goes_only_to_a_tenant_where_the_person_may_submit(world: World) -> None:
    Membership.objects.create(user=world.olga, tenant=world.other, role=Role.VIEWER)
    client = signed_in(world.olga)
    for address in ("preview", "confirm"):
        data = {"tenant": world.other.pk, "plan": a_plan(wait_step()), "seen_hash": "0" * 64}
        assert client.post(f"/executions/new/{address}/", data).status_code == 400
    assert signed_in(world.tom).get("/executions/new/").status_code == 403
    assert Execution.objects.count() == 0


def test_a_person_of_two_tenants_chooses(world: World) -> None:
    Membership.objects.create(user=world.olga, tenant=world.other, role=Role.OPERATOR)
    page = signed_in(world.olga).get("/executions/new/").content.decode()
    assert "<select" in page
    data = {"tenant": world.other.pk, "plan": a_plan(wait_step())}
    client = signed_in(world.olga)
    data["seen_hash"] = hash_of(client.post("/executions/new/preview/", data))
    location = client.post("/executions/new/confirm/", data)["Location"]
    execution = Execution.objects.get(pk=UUID(location.split("/")[2]))
    assert execution.tenant == world.other
    assert status_of(execution.pk) == "queued"


def test_a_role_that_may_not_run_such_steps_is_told_at_the_confirmation(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(role=Role.REQUESTER)
    world.here()
    client = signed_in(world.olga)
    plan = a_plan(script("true", action_class="deploy"), targets=["here"])
    data = {"tenant": world.acme.pk, "plan": plan}
    shown = client.post("/executions/new/preview/", data)
    assert "operator, tenant admin" in text_of(shown)
    answer = client.post("/executions/new/confirm/", data | {"seen_hash": hash_of(shown)})
    assert answer.status_code == 403
    assert "You may not run deploy steps for Acme" in text_of(answer)
    assert Execution.objects.count() == 0
