"""Passwords turned off: nobody gets in by one, no page asks for one or sets one, and links go on working."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from safety.signin import door
from safety.signin.checks import check_a_way_in
from safety.signin.models import SignInCount, SignInRecord
from tests import factories
from tests.commands import manage
from tests.doors import gets_in, tries

pytestmark = pytest.mark.usefixtures("live_db")
OFF = "Passwords are turned off here."


@pytest.fixture
def passwords_off(settings: Any) -> None:
    settings.OPSC = settings.OPSC | {"PASSWORDS": False}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_right_password_opens_nothing_and_a_link_signs_a_superuser_in(passwords_off: None) -> None:
    User.objects.create_superuser("root", password=factories.PASSWORD)
    for password in (factories.PASSWORD, "wrong"):
        answer = tries("root", password)
        assert (answer.status_code, OFF in answer.content.decode()) == (403, True)
        assert "sessionid" not in answer.cookies
    assert not SignInCount.objects.exists()
    assert not SignInRecord.objects.exists()
    client = Client()
    assert client.post(manage("sign_in_link", "root").out.strip()).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_with_passwords_on_the_same_password_opens_the_door() -> None:
    User.objects.create_superuser("root", password=factories.PASSWORD)
    assert gets_in("root")


def test_the_sign_in_page_shows_no_form_and_the_ways_that_there_are(
    passwords_off: None, settings: Any
) -> None:
    page = Client().get("/sign-in/").content.decode()
    assert OFF in page
    assert 'type="password"' not in page
    assert "one-time link" in page
    assert "Single sign-on" not in page
    settings.OIDC = settings.OIDC | {"ISSUER": "https://provider.example"}
    assert "Single sign-on" in Client().get("/sign-in/").content.decode()


def test_no_page_of_ones_own_asks_for_a_password_or_sets_one(passwords_off: None) -> None:
    olga = factories.olga(password=factories.PASSWORD)
    client = signed_in(olga)
    page = client.get("/account/").content.decode()
    assert OFF in page
    assert "Change the password" not in page
    new = {
        "old_password": factories.PASSWORD,
        "new_password1": "another long 9",
        "new_password2": "another long 9",
    }
    for answer in (client.get("/account/password/"), client.post("/account/password/", new)):
        assert (answer.status_code, OFF in answer.content.decode()) == (403, True)
    olga.refresh_from_db()
    assert olga.check_password(factories.PASSWORD)
    again = client.get("/sign-in/again/").content.decode()
    assert OFF in again
    assert 'type="password"' not in again
    before = client.session["proven_at"]
    client.post("/sign-in/again/", {"password": factories.PASSWORD})
    assert client.session["proven_at"] == before
    request = RequestFactory().post("/sign-in/")
    assert door.by_password(request, "olga", factories.PASSWORD).user is None


def test_the_admin_makes_accounts_without_a_password_and_sets_none(passwords_off: None) -> None:
    root = signed_in(User.objects.create_superuser("root"))
    assert "password1" not in root.get("/admin/auth/user/add/").content.decode()
    root.post("/admin/auth/user/add/", {"username": "ann", "password1": "x", "password2": "x"})
    ann = User.objects.get(username="ann")
    assert not ann.has_usable_password()
    page = root.get(f"/admin/auth/user/{ann.pk}/change/").content.decode()
    assert "../password/" not in page
    new = {"password1": "another long 9", "password2": "another long 9"}
    for answer in (
        root.get(f"/admin/auth/user/{ann.pk}/password/"),
        root.post(f"/admin/auth/user/{ann.pk}/password/", new),
    ):
        assert (answer.status_code, OFF in answer.content.decode()) == (403, True)
    ann.refresh_from_db()
    assert not ann.has_usable_password()


def test_with_passwords_on_the_admin_sets_them() -> None:
    root = signed_in(User.objects.create_superuser("root"))
    assert "password1" in root.get("/admin/auth/user/add/").content.decode()
    ann = factories.a_person("ann")
    assert "../password/" in root.get(f"/admin/auth/user/{ann.pk}/change/").content.decode()
    new = {"usable_password": "true", "password1": "another long 9", "password2": "another long 9"}
    root.post(f"/admin/auth/user/{ann.pk}/password/", new)
    ann.refresh_from_db()
    assert ann.check_password("another long 9")


def test_the_check_warns_when_only_links_are_left(passwords_off: None, settings: Any) -> None:
    assert [found.id for found in check_a_way_in(None)] == ["signin.W001"]
    settings.OIDC = settings.OIDC | {"ISSUER": "https://provider.example"}
    assert check_a_way_in(None) == []
    settings.OIDC = settings.OIDC | {"ISSUER": ""}
    settings.OPSC = settings.OPSC | {"PASSWORDS": True}
    assert check_a_way_in(None) == []
