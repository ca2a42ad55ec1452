"""Levels 2 and up are approved only by somebody who signed in lately; every way there asks."""

from typing import Any

import pytest
from django.test import Client

from executions import approvals
from executions.errors import SignInAgain
from executions.fresh import SignedIn
from executions.models import Approval, Event, Execution
from executions.submission import submit
from safety.signin.factors import fetch_now
from tests import factories
from tests.commands import manage
from tests.world import World, script


@pytest.fixture
def waiting(world: World) -> Execution:
    world.here(environment="prod")
    plan = {"version": 1, "name": "prod", "targets": ["here"], "steps": [script("true")]}
    execution = Execution.objects.get(pk=submit(plan, user=world.olga, tenant=world.acme).execution_id)
    assert execution.approval_level == 2
    world.tom.set_password(factories.PASSWORD)
    world.tom.is_staff = True
    world.tom.save()
    return execution


@pytest.fixture
def tom(world: World, waiting: Execution) -> Client:
    client = Client()
    client.post("/sign-in/", {"username": "tom", "password": factories.PASSWORD})
    return client


def ages(client: Client, seconds: float) -> None:
    session = client.session
    session["proven_at"] -= seconds
    session.save()


def approve(client: Client, execution: Execution) -> Any:
    return client.post(f"/executions/{execution.pk}/approve/", {"approval_hash": execution.approval_hash})


def status(execution: Execution) -> str:
    return str(Execution.objects.values_list("status", flat=True).get(pk=execution.pk))


def test_a_sign_in_that_is_young_enough_approves_and_is_on_record(tom: Client, waiting: Execution) -> None:
    ages(tom, 890)
    assert approve(tom, waiting)["Location"] == f"/executions/{waiting.pk}/"
    assert status(waiting) == "queued"
    kept = Approval.objects.get()
    assert kept.signed_in_with == "password"
    assert abs(fetch_now() - kept.signed_in_at.timestamp() - 890) < 30
    assert Event.objects.get(type="approval.approved").data["signed_in_with"] == "password"
    page = tom.get(f"/executions/{waiting.pk}/").content.decode()
    assert "signed in with password" in page


def test_an_older_one_is_sent_to_sign_in_again_and_back_to_the_very_page(
    tom: Client, waiting: Execution
) -> None:
    ages(tom, 910)
    answer = approve(tom, waiting)
    assert status(waiting) == "pending_approval"
    place = f"/executions/{waiting.pk}/#decide"
    assert answer["Location"] == f"/sign-in/again/?next=%2Fexecutions%2F{waiting.pk}%2F%23decide"
    page = tom.get(answer["Location"]).content.decode()
    assert "Nothing was approved" in page
    data = {"next": place, "password": factories.PASSWORD}
    assert tom.post("/sign-in/again/", data)["Location"] == place
    approve(tom, waiting)
    assert status(waiting) == "queued"


def test_signing_in_again_is_for_the_same_person_and_leads_nowhere_else(
    tom: Client, waiting: Execution, world: World
) -> None:
    world.olga.set_password("another pass 9")
    world.olga.save()
    ages(tom, 910)
    data = {"next": "https://evil.example/", "password": "another pass 9", "username": "olga"}
    assert tom.post("/sign-in/again/", data).status_code == 200
    assert tom.post("/sign-in/again/", data | {"password": factories.PASSWORD})["Location"] == "/executions/"


def test_the_admin_asks_the_same(tom: Client, waiting: Execution) -> None:
    approval = Approval.objects.get()
    place = "/admin/executions/approval/"
    form = {"action": "approve", "_selected_action": approval.pk, "confirmed": "yes", "reason": "seen"}
    form[f"seen-{approval.pk}"] = waiting.approval_hash
    ages(tom, 910)
    assert tom.post(place, form)["Location"].startswith("/sign-in/again/?next=%2Fadmin")
    assert status(waiting) == "pending_approval"
    tom.post("/sign-in/again/", {"next": place, "password": factories.PASSWORD})
    tom.post(place, form)
    assert status(waiting) == "queued"


@pytest.mark.parametrize("signed_in", [SignedIn(), SignedIn("password"), SignedIn("password", 0.0)])
def test_whoever_asks_the_domain_has_to_say_when(
    world: World, waiting: Execution, signed_in: SignedIn
) -> None:
    with pytest.raises(SignInAgain, match="younger than 15 minutes"):
        approvals.approve(
            waiting.pk, user=world.tom, approval_hash=waiting.approval_hash, signed_in=signed_in
        )
    assert status(waiting) == "pending_approval"


def test_rejecting_needs_no_young_sign_in(tom: Client, waiting: Execution) -> None:
    ages(tom, 910)
    tom.post(f"/executions/{waiting.pk}/reject/", {"comment": "not on a friday"})
    assert status(waiting) == "rejected"


def test_a_one_time_link_is_a_young_sign_in_for_an_account_without_a_password(
    world: World, waiting: Execution
) -> None:
    world.tom.set_unusable_password()
    world.tom.save()
    client = Client()
    client.force_login(world.tom)
    ages(client, 910)
    assert "manage.py sign_in_link tom" in client.get("/sign-in/again/").content.decode()
    link = manage("sign_in_link", "tom", "--base", "https://ops.example/").out.strip()
    assert link.startswith("https://ops.example/sign-in/once/")
    client.post(link.removeprefix("https://ops.example"))
    approve(client, waiting)
    assert status(waiting) == "queued"
    assert Approval.objects.get().signed_in_with == "one-time link"
    assert manage("sign_in_link", "nobody").code == 2


def test_a_copied_cookie_does_not_become_young_with_its_owner(world: World) -> None:
    world.tom.set_password(factories.PASSWORD)
    world.tom.save()
    owner, thief = Client(), Client()
    owner.force_login(world.tom)
    thief.cookies["sessionid"] = owner.cookies["sessionid"].value
    assert thief.get("/executions/").status_code == 200
    answer = owner.post("/sign-in/again/", {"password": factories.PASSWORD, "next": "/executions/"})
    assert answer.status_code == 302
    assert owner.get("/executions/").status_code == 200
    assert thief.get("/executions/").status_code == 302
