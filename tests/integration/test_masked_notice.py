"""A person whose reason was changed by masking is told so, by page, admin and command; nobody else is."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.models import Execution
from safety.masking.typed import NOTICE, mask_typed, noticing
from safety.models import Switch
from tests import factories
from tests.commands import manage
from tests.integration.test_admin_actions import ask, say_yes, staff
from tests.world import World

SECRET = "the key was AKIAIOSFODNN7EXAMPLE, sorry"


@pytest.fixture
def run(world: World) -> Execution:
    return factories.an_execution(world.olga, status="queued")


@pytest.mark.parametrize(("reason", "told"), [(SECRET, True), ("wrong cluster", False)])
def test_the_page_after_it_says_so(world: World, run: Execution, reason: str, told: bool) -> None:
    client = Client()
    client.force_login(world.olga)
    page = client.post(f"/executions/{run.pk}/cancel/", {"reason": reason}, follow=True).content.decode()
    run.refresh_from_db()
    assert (run.cancel_reason == reason) is not told
    assert (NOTICE in page) is told
    assert NOTICE not in client.get(f"/executions/{run.pk}/").content.decode()


@pytest.mark.parametrize(("reason", "told"), [(SECRET, True), ("wrong cluster", False)])
def test_the_command_says_so_beside_its_result(run: Execution, reason: str, told: bool) -> None:
    answer = manage("cancel", run.pk, "--as", "olga", "--reason", reason, "--json")
    assert (NOTICE in answer.err) is told
    assert answer.json["id"]
    assert "AKIA" not in answer.out + answer.err


def test_the_admin_says_so(world: World) -> None:
    switch = factories.a_switch(world.acme)
    root = staff(User.objects.create_superuser("root"))
    place = "/admin/safety/switch/"
    assert NOTICE in say_yes(root, place, ask(root, place, "lift", switch.pk), reason=SECRET)
    assert "AKIA" not in Switch.objects.get().lift_reason


def test_who_is_told_is_who_typed_it() -> None:
    with noticing() as outer:
        with noticing() as inner:
            mask_typed(SECRET)
        mask_typed("nothing of the kind")
    assert (outer.masked, inner.masked) == (False, True)
