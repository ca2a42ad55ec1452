"""The new-run page says what ran before, runs a form once however often it is sent, and takes a program's key."""

import json
import re
from typing import Any

import pytest
import requests
from django.test import Client

from executions import lifecycle
from executions.lifecycle import By
from executions.models import Execution
from executions.submission import submit
from safety.choices import Role
from safety.models import Membership
from tests.pages_server import serving
from tests.world import World, in_threads, wait_step

PLAN = {"version": 1, "name": "motd", "mode": "background", "steps": [wait_step()]}
CONFIRM = "/executions/new/confirm/"


class Page:
    """A person's browser tab on the preview of a plan."""

    def __init__(self, world: World, user: Any, plan: dict[str, Any] = PLAN) -> None:
        self.client = Client()
        self.client.force_login(user)
        self.data = {"tenant": world.acme.pk, "plan": json.dumps(plan)}
        self.shown = self.client.post("/executions/new/preview/", self.data)
        self.data |= {name: self.hidden(name) for name in ("seen_hash", "form_key")}

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}"\s+value="(\w+)"', self.shown.content.decode())
        return found[1] if found else ""

    def confirm(self, **more: str) -> Any:
        return self.client.post(CONFIRM, self.data | more)


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


@pytest.fixture
def toms_run(world: World) -> Execution:
    """Tom, who may submit here, ran the same plan a moment ago."""
    Membership.objects.filter(user=world.tom).update(role=Role.OPERATOR)
    submitted = submit(PLAN, user=world.tom, tenant=world.acme)
    return Execution.objects.get(pk=submitted.execution_id)


def test_the_preview_says_who_ran_the_same_plan_and_nothing_runs_without_a_tick(
    world: World, toms_run: Execution
) -> None:
    page = Page(world, world.olga)
    assert f"(queued, by tom): show {toms_run.short_id}" in text_of(page.shown)
    assert f"/executions/{toms_run.pk}/" in page.shown.content.decode()
    refused = page.confirm()
    assert refused.status_code == 409
    assert "Nothing new is run unless you tick" in text_of(refused)
    assert Execution.objects.count() == 1
    assert page.confirm(again="on").status_code == 302
    assert Execution.objects.count() == 2


def test_who_ran_it_is_told_only_to_those_who_may_run_it_themselves(
    world: World, toms_run: Execution
) -> None:
    Membership.objects.filter(user=world.olga).update(environments=["prod"])
    shown = text_of(Page(world, world.olga).shown)
    assert "You may not run this" in shown
    assert toms_run.short_id not in shown


def test_a_form_that_asks_to_run_again_runs_once_however_often_it_is_sent(
    world: World, toms_run: Execution
) -> None:
    page = Page(world, world.olga)
    places = {page.confirm(again="on")["Location"] for _ in range(3)}
    assert len(places) == 1
    assert Page(world, world.olga).confirm(again="on")["Location"] not in places


def test_a_run_that_failed_is_told_but_needs_no_tick_and_is_pointed_at(world: World) -> None:
    first = submit(PLAN, user=world.olga, tenant=world.acme)
    for before, after in (("queued", "running"), ("running", "failed")):
        lifecycle.move(first.execution_id, from_status=before, to_status=after, by=By.system())
    page = Page(world, world.olga)
    assert "(failed, by olga)" in text_of(page.shown)
    assert 'name="again"' not in page.shown.content.decode()
    again = page.client.get(page.confirm()["Location"])
    assert f"Runs again after {str(first.execution_id)[:8]} , which failed" in text_of(again)


def test_nina_is_told_nothing_of_what_ran_in_another_tenant(world: World, toms_run: Execution) -> None:
    client = Client()
    client.force_login(world.nina)
    data = {"tenant": world.other.pk, "plan": json.dumps(PLAN)}
    shown = client.post("/executions/new/preview/", data)
    assert shown.status_code == 200
    assert "submitted before" not in text_of(shown)


def test_a_program_s_key_is_bound_to_its_plan(world: World) -> None:
    page, other = Page(world, world.olga), Page(world, world.olga, PLAN | {"name": "another"})

    def sent(tab: Page, key: str) -> Any:
        return tab.client.post(CONFIRM, tab.data, headers={"Idempotency-Key": key})

    first = sent(page, "release-42")
    assert sent(page, "release-42")["Location"] == first["Location"]
    refused = sent(other, "release-42")
    assert refused.status_code == 422
    assert f"belongs to another plan (execution {Execution.objects.get().short_id})" in text_of(refused)
    for malformed in ("", "k" * 256, "\u00fc"):
        assert sent(page, malformed).status_code == 400
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("key", [None, "release-42"])
def test_fifty_confirmations_at_once_through_a_socket_are_one_execution(
    world: World, key: str | None
) -> None:
    page = Page(world, world.olga)
    headers = {"Idempotency-Key": key} if key else {}
    with serving() as base:
        browser = requests.Session()
        browser.cookies.set("sessionid", page.client.cookies["sessionid"].value)
        form = browser.get(f"{base}/executions/new/", timeout=30).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token
        data = page.data | {"csrfmiddlewaretoken": token[1]}
        cookies = browser.cookies.get_dict()

        def send(_number: int) -> Any:
            return requests.post(
                base + CONFIRM, data, cookies=cookies, headers=headers, allow_redirects=False, timeout=120
            )

        answers = in_threads(50, send)
    assert {answer.status_code for answer in answers} == {302}
    assert {answer.headers["Location"] for answer in answers} == {
        f"/executions/{Execution.objects.get().pk}/"
    }
