"""Tokens on the page of the account: made with a young sign-in, shown once, listed, revoked."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.models import Event
from safety.choices import Role
from safety.models import Membership
from safety.signin.sessions import PROVEN_AT
from safety.tokens import door
from safety.tokens.models import ApiToken
from tests import factories
from tests.programs import asked

pytestmark = pytest.mark.usefixtures("live_db")

VALUE = re.compile(r"opsc_[0-9a-f]{12}_[0-9a-f]{64}")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form(user: User, **more: Any) -> dict[str, Any]:
    where = f"{user.pk}:{factories.a_tenant().pk}"
    return {
        "name": "nightly",
        "where": where,
        "scopes": ["read", "submit"],
        "days": 30,
        "networks": "",
    } | more


def test_the_value_is_on_one_page_once_and_works() -> None:
    olga = factories.olga()
    client = signed_in(olga)
    answer = client.post("/account/tokens/new/", form(olga, networks="127.0.0.0/8\n192.0.2.0/24"))
    values = VALUE.findall(answer.content.decode())
    assert len(values) == 1
    assert "no-store" in answer["Cache-Control"]
    assert asked(values[0]).json()["networks"] == ["127.0.0.0/8", "192.0.2.0/24"]
    page = client.get("/account/").content.decode()
    token = ApiToken.objects.get()
    assert f"opsc_{token.prefix}_…" in page
    assert "API token made" in page
    assert not VALUE.search(page + client.get("/account/tokens/new/").content.decode())
    assert Event.objects.get(type="token.created").actor == "olga"


def test_making_one_needs_a_young_sign_in() -> None:
    olga = factories.olga()
    client = signed_in(olga)
    session = client.session
    session[PROVEN_AT] -= 3600
    session.save()
    for answer in (client.get("/account/tokens/new/"), client.post("/account/tokens/new/", form(olga))):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in/again/")
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"days": 91}, "1 to 90 days"),
        ({"networks": "everywhere"}, "A network looks like"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["approve"]}, "approve is not one of the available choices"),
        ({"name": ""}, "This field is required"),
    ],
    ids=str,
)
def test_what_makes_no_token_is_said_in_the_form(bad: dict[str, Any], said: str) -> None:
    olga = factories.olga()
    page = signed_in(olga).post("/account/tokens/new/", form(olga, **bad)).content.decode()
    assert said in page
    assert not ApiToken.objects.exists()


def test_nobody_makes_one_for_another_account_or_tenant() -> None:
    olga, tom = factories.olga(), factories.tom()
    other = factories.a_tenant("other")
    client = signed_in(olga)
    for where in (form(tom)["where"], f"{olga.pk}:{other.pk}", "", "x"):
        answer = client.post("/account/tokens/new/", form(olga, where=where))
        assert not VALUE.search(answer.content.decode())
    assert not ApiToken.objects.exists()


def test_the_owner_of_a_service_account_makes_one_for_it() -> None:
    olga = factories.olga()
    robot = factories.a_service_account(olga, Role.REQUESTER).user
    client = signed_in(olga)
    assert f"{robot} in Acme" in client.get("/account/tokens/new/").content.decode()
    answer = client.post("/account/tokens/new/", form(robot))
    value = VALUE.findall(answer.content.decode())[0]
    assert door.enter(value, address=None) == robot
    assert ApiToken.objects.get().created_by == olga
    assert "robot in Acme" in client.get("/account/").content.decode()
    assert "robot in Acme" not in signed_in(factories.tom()).get("/account/").content.decode()


def test_its_person_revokes_it_and_a_stranger_finds_none() -> None:
    olga = factories.olga()
    token, value = factories.a_token(olga)
    address = f"/account/tokens/{token.pk}/revoke/"
    for stranger in (factories.tom(), factories.nina()):
        assert signed_in(stranger).post(address).status_code == 404
    assert asked(value).status_code == 200
    client = signed_in(olga)
    assert client.get(address).status_code == 405
    for said in ("The token is revoked", "was revoked before"):
        assert said in client.post(address, follow=True).content.decode()
    assert asked(value).json()["error"]["code"] == "auth.revoked"
    assert "revoked" in client.get("/account/").content.decode()


def test_who_is_a_member_of_nothing_is_told_so() -> None:
    page = signed_in(factories.a_person("stan")).get("/account/tokens/new/").content.decode()
    assert "a token would open nothing" in page


def test_a_name_that_is_a_secret_is_not_kept() -> None:
    olga = factories.olga()
    signed_in(olga).post("/account/tokens/new/", form(olga, name="password=hunter2x"))
    assert "hunter2x" not in ApiToken.objects.get().name
    assert Membership.objects.filter(user=olga).exists()
