"""Signing in and out, and the pages for what cannot be answered."""

import pytest
from django.test import Client

from executions.web import one_time
from tests import factories

pytestmark = pytest.mark.usefixtures("live_db")


def test_signing_in_leads_back_to_where_the_person_wanted_to_go() -> None:
    factories.olga(password=factories.PASSWORD)
    client = Client()
    data = {"username": "olga", "password": factories.PASSWORD, "next": "/approvals/"}
    assert client.post("/sign-in/", data)["Location"] == "/approvals/"
    assert client.get("/")["Location"] == "/executions/"
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/executions/").status_code == 302


def test_no_foreign_address_is_followed_after_signing_in() -> None:
    factories.olga(password=factories.PASSWORD)
    for place in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        data = {"username": "olga", "password": factories.PASSWORD, "next": place}
        assert Client().post("/sign-in/", data)["Location"] == "/executions/"


def test_a_wrong_password_says_no_more_than_that() -> None:
    factories.olga(password=factories.PASSWORD)
    answers = {
        Client()
        .post("/sign-in/", {"username": name, "password": "wrong"})
        .content.decode()
        .count("do not match")
        for name in ("olga", "nobody")
    }
    assert answers == {1}


def test_a_one_time_link_signs_in_once_and_only_by_its_button() -> None:
    token = one_time.issue(factories.olga())
    address = f"/sign-in/once/{token}/"
    for _ in range(2):  # a preview of the link, by a chat program, say
        assert "This link signs you in once" in Client().get(address).content.decode()
    client = Client()
    assert client.post(address)["Location"] == "/executions/"
    assert client.get("/executions/").status_code == 200
    assert client.session["signed_in_with"] == "one-time link"
    answer = Client().post(address)
    assert answer.status_code == 410
    assert "This link is used up" in answer.content.decode()


@pytest.mark.parametrize("token", ["x", "%00", "a:b:c", "\u202e"])
def test_a_forged_link_signs_nobody_in(token: str) -> None:
    factories.olga()
    client = Client()
    assert client.post(f"/sign-in/once/{token}/").status_code == 410
    assert client.get("/executions/").status_code == 302


def test_every_answer_carries_the_policy_that_keeps_foreign_code_out() -> None:
    client = Client()
    client.force_login(factories.olga())
    for address in ("/sign-in/", "/executions/", "/executions/new/", "/nowhere/", "/admin/login/"):
        answer = client.get(address)
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        page = answer.content.decode()
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick=" not in page


def test_an_address_that_does_not_exist_gets_a_page_with_a_way_back() -> None:
    client = Client()
    client.force_login(factories.olga())
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert 'href="/executions/"' in answer.content.decode()


def test_an_error_of_ours_shows_a_page_that_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("executions.web.listing.tenants_visible_to", broken)
    client = Client(raise_request_exception=False)
    client.force_login(factories.olga())
    answer = client.get("/executions/")
    assert answer.status_code == 500
    page = answer.content.decode()
    assert "What runs goes on" in page
    assert "hunter2" not in page
