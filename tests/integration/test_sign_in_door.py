"""There is one door: passwords become Argon2 hashes behind it, and the admin has no other."""

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.test import Client

from tests import factories
from tests.doors import gets_in, tries

pytestmark = pytest.mark.usefixtures("live_db")


def test_a_new_password_is_hashed_with_argon2() -> None:
    assert factories.olga(password=factories.PASSWORD).password.startswith("argon2$argon2id$")


def test_an_older_hash_is_replaced_when_its_owner_signs_in() -> None:
    olga = factories.olga()
    olga.password = make_password(factories.PASSWORD, hasher="pbkdf2_sha256")
    olga.save()
    assert tries("olga", "wrong").status_code == 200
    olga.refresh_from_db()
    assert olga.password.startswith("pbkdf2_sha256$")
    assert gets_in("olga")
    olga.refresh_from_db()
    assert olga.password.startswith("argon2$argon2id$")


def test_the_admin_leads_to_the_same_door_and_back() -> None:
    User.objects.create_superuser("root", password=factories.PASSWORD)
    client = Client()
    data = {"username": "root", "password": factories.PASSWORD}
    for answer in (
        client.get("/admin/login/?next=/admin/safety/"),
        client.post("/admin/login/?next=/admin/safety/", data),
    ):
        assert answer["Location"] == "/sign-in/?next=%2Fadmin%2Fsafety%2F"
    assert "_auth_user_id" not in client.session
    assert client.get("/admin/")["Location"].startswith(("/admin/login/", "/sign-in/"))
    assert client.post("/sign-in/", data | {"next": "/admin/"})["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_whom_the_admin_is_not_for_is_told_so_and_not_sent_round_in_circles() -> None:
    client = Client()
    client.force_login(factories.olga())
    answer = client.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "The admin is for staff" in answer.content.decode()


def test_a_form_without_name_or_password_is_answered_and_counts_nothing() -> None:
    for name, password in (("", ""), ("olga", ""), ("", "x"), ("a\0b", "x"), ("x" * 200, "x")):
        assert tries(name, password).status_code == 200
