"""Switches by page, command and admin: who may, what is shown, and what bad input says."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.models import Event
from safety.models import Membership, Switch
from tests import factories
from tests.commands import manage
from tests.integration.test_admin_actions import ask, say_yes, staff
from tests.world import World, wait_step

PAGE = "/switches/"
ADMIN = "/admin/safety/switch/"
FORM = {"mode": "hold", "environment": "", "connector": "", "hours": "2", "reason": "<b>fire</b>"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_operator_switches_off_and_lifts_on_the_page(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    olga = signed_in(world.olga)
    assert "Nothing is switched off." in olga.get(PAGE).content.decode()

    olga.post(f"{PAGE}turn/", FORM | {"tenant": world.acme.pk})
    switch = Switch.objects.get()
    assert (switch.scope, switch.mode, switch.turned_by) == ("Acme", "hold", "olga")
    page = olga.get(PAGE).content.decode()
    assert "hold after the current step" in page
    assert "&lt;b&gt;fire&lt;/b&gt;" in page
    assert "Held back:" in olga.get(f"/executions/{execution_id}/").content.decode()

    assert b"A reason" in olga.post(f"{PAGE}{switch.pk}/lift/", {"reason": " "}, follow=True).content
    olga.post(f"{PAGE}{switch.pk}/lift/", {"reason": "it is out"})
    switch.refresh_from_db()
    assert (switch.lifted_by, switch.lift_reason) == ("olga", "it is out")
    assert "Held back:" not in olga.get(f"/executions/{execution_id}/").content.decode()
    assert "it is out" in olga.get(PAGE).content.decode()


def test_others_see_no_form_and_cannot_post(world: World) -> None:
    switch = factories.a_switch(world.acme)
    tom, nina = signed_in(world.tom), signed_in(world.nina)
    page = tom.get(PAGE).content.decode()
    assert "maintenance" in page
    assert "Switch off…" not in page
    assert tom.post(f"{PAGE}turn/", FORM | {"tenant": world.acme.pk}).status_code == 400
    assert tom.post(f"{PAGE}{switch.pk}/lift/", {"reason": "x"}).status_code == 403
    assert "maintenance" not in nina.get(PAGE).content.decode()
    assert nina.post(f"{PAGE}turn/", FORM | {"tenant": world.acme.pk}).status_code == 400
    assert nina.post(f"{PAGE}{switch.pk}/lift/", {"reason": "x"}).status_code == 404
    assert Client().post(f"{PAGE}{switch.pk}/lift/", {"reason": "x"}).status_code == 302
    assert Switch.objects.get().lifted_at is None


def test_a_superuser_switches_everything_off_and_every_tenant_sees_why(world: World) -> None:
    root = signed_in(User.objects.create_superuser("root"))
    root.post(f"{PAGE}turn/", FORM | {"tenant": ""})
    assert Switch.objects.get().scope == "the whole platform"
    page = signed_in(world.nina).get(PAGE).content.decode()
    assert "the whole platform" in page
    assert "not by you" in page
    assert "root" not in page
    assert set(Event.objects.values_list("tenant__slug", "actor")) == {
        ("acme", "the platform's operators"),
        ("other", "the platform's operators"),
    }
    assert "root" not in staff(world.nina).get(f"{ADMIN}{Switch.objects.get().pk}/change/").content.decode()


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "off"}, {"hours": "0"}, {"hours": "nan"}, {"hours": "9999"}, {"reason": ""}, {"tenant": "0"}],
)
def test_bad_input_is_shown_beside_the_field_and_changes_nothing(world: World, wrong: dict[str, str]) -> None:
    answer = signed_in(world.olga).post(f"{PAGE}turn/", FORM | {"tenant": world.acme.pk} | wrong)
    assert (answer.status_code, b"unproven" in answer.content) == (400, True)
    assert not Switch.objects.exists()


def test_by_command(world: World) -> None:
    off = ("switch", "off", "--as", "olga", "--tenant", "acme", "--mode", "stop", "--reason", "fire \x1b[2J")
    made = manage(*off, "--json")
    number = made.json["switches"][0]["number"]
    assert (made.code, made.json["switches"][0]["mode"]) == (0, "stop")
    shown = manage("switch", "--as", "tom").out
    assert "stop now: Acme, until" in shown
    assert "\x1b" not in shown
    assert manage("switch", "--as", "nina").out.strip() == "Nothing is switched off."
    assert manage("switch", "lift", str(number), "--as", "nina", "--reason", "x").code == 2
    assert manage("switch", "lift", str(number), "--as", "olga", "--reason", "out").code == 0
    assert not Switch.objects.standing().exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "How far?"),
        (("--mode", "hold"), "For whom?"),
        (("--mode", "hold", "--tenant", "other", "--reason", "x"), "no tenant 'other'"),
        (("--mode", "hold", "--everything", "--reason", "x"), "superuser"),
        (("--mode", "hold", "--tenant", "acme"), "A reason is needed"),
        (("--mode", "hold", "--tenant", "acme", "--reason", "x", "--hours", "0"), "ends by itself"),
        (("--mode", "hold", "--tenant", "acme", "--reason", "x", "--hours", "nan"), "ends by itself"),
    ],
)
def test_a_command_that_cannot_be_meant_says_so(world: World, given: tuple[str, ...], says: str) -> None:
    answer = manage("switch", "off", "--as", "olga", *given)
    assert (answer.code, says in answer.err) == (2, True)
    assert not Switch.objects.exists()


def test_in_the_admin_a_switch_is_lifted_and_nothing_else(world: World) -> None:
    switch = factories.a_switch(world.acme)
    everywhere = factories.a_switch(None)
    Membership.objects.filter(user=world.tom).update(role="tenant_admin")
    tom = staff(world.tom)
    assert tom.get(ADMIN).status_code == 200
    assert tom.get(f"{ADMIN}{everywhere.pk}/change/").status_code == 200
    page = say_yes(tom, ADMIN, ask(tom, ADMIN, "lift", switch.pk, everywhere.pk))
    assert "superuser" in page
    assert list(Switch.objects.standing()) == [everywhere]
    assert tom.get(f"{ADMIN}add/").status_code == 403
    nina = staff(world.nina)
    assert nina.get(f"{ADMIN}{switch.pk}/change/").status_code == 302  # as if there were none
