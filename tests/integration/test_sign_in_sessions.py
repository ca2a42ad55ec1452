"""Sessions end when nothing is done, when they are old, and when their owner or an account's end says so."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from safety.signin.models import SignInRecord
from tests import factories
from tests.doors import tries

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def olga() -> User:
    return factories.olga(password=factories.PASSWORD)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ages(client: Client, seconds: float, *names: str) -> None:
    """As if these times of the session lay that far back."""
    session = client.session
    for name in names:
        session[name] -= seconds
    session.save()


def is_in(client: Client, address: str = "/executions/") -> bool:
    return bool(client.get(address).status_code == 200)


def test_a_session_without_activity_ends_and_the_next_page_says_why(olga: User) -> None:
    client = signed_in(olga)
    ages(client, 3590, "active_at")
    assert is_in(client)
    ages(client, 3610, "active_at")
    answer = client.get("/approvals/", follow=True)
    assert answer.redirect_chain == [("/sign-in/?next=/approvals/", 302)]
    assert "nothing was done here for a while" in answer.content.decode()
    assert not is_in(client)


def test_what_a_person_does_begins_the_idle_time_anew_and_what_a_page_asks_by_itself_does_not(
    olga: User,
) -> None:
    run = factories.an_execution(olga, status="running")
    polling, reading = signed_in(olga), signed_in(olga)
    for client, address in ((polling, f"/executions/{run.pk}/live/"), (reading, f"/executions/{run.pk}/")):
        for _ in range(2):
            ages(client, 1900, "active_at")
            answer = client.get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 200, "the reader is still in"
    answer = polling.get(f"/executions/{run.pk}/live/", headers={"HX-Request": "true"})
    assert answer["Location"].startswith("/sign-in/"), "the page that only polled is out"
    follow = polling.get(answer["Location"], headers={"HX-Request": "true"})
    assert follow["HX-Refresh"] == "true", "and loads itself anew, to show it"


@pytest.mark.parametrize("address", ["/executions/", "/admin/", "/account/"])
def test_a_session_ends_at_its_full_age_however_busy(olga: User, address: str) -> None:
    root = signed_in(User.objects.create_superuser("root"))
    ages(root, 43190, "signed_in_at")
    assert is_in(root, address)
    ages(root, 20, "signed_in_at")
    assert not is_in(root, address)


def test_a_session_that_does_not_know_its_age_is_over(olga: User) -> None:
    client = signed_in(olga)
    session = client.session
    del session["signed_in_at"]
    session.save()
    assert not is_in(client)


def test_the_limits_are_settings(olga: User, settings: Any) -> None:
    settings.OPSC = settings.OPSC | {"SESSION_S": 100, "SESSION_IDLE_S": 60}
    idle, old, fresh = signed_in(olga), signed_in(olga), signed_in(olga)
    ages(idle, 61, "active_at")
    ages(old, 101, "signed_in_at")
    assert [is_in(client) for client in (idle, old, fresh)] == [False, False, True]


def test_a_new_password_ends_the_other_sessions_and_not_this_one(olga: User) -> None:
    here, elsewhere = signed_in(olga), signed_in(olga)
    new = "another long passphrase"
    form = {"old_password": factories.PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/account/password/", form)["Location"] == "/account/"
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert SignInRecord.objects.filter(user_id=olga.pk, what="password").count() == 1
    assert tries("olga", new).status_code == 302


def test_wrong_old_passwords_count_as_wrong_sign_ins(olga: User) -> None:
    client = signed_in(olga)
    new = "another long passphrase"
    form = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    pages = [client.post("/account/password/", form).content.decode() for _ in range(6)]
    assert "This is not your password" in pages[4]
    assert "Too many tries" in pages[5]
    assert tries("olga", factories.PASSWORD, "127.0.0.1").status_code == 429
    assert signed_in(factories.a_person("stan", is_staff=True)).get("/admin/password_change/")[
        "Location"
    ] == ("/account/password/")


def test_signing_out_everywhere_ends_every_session_of_this_person_and_of_nobody_else(olga: User) -> None:
    here, elsewhere, tom = signed_in(olga), signed_in(olga), signed_in(factories.tom())
    answer = here.post("/account/sign-out-everywhere/", follow=True)
    assert "signed out everywhere" in answer.content.decode()
    assert [is_in(client) for client in (here, elsewhere, tom)] == [False, False, True]
    assert SignInRecord.objects.filter(user_id=olga.pk, what="ended").exists()
    assert is_in(signed_in(olga)), "a new session may begin"
    assert here.get("/account/sign-out-everywhere/").status_code in (302, 405)


def test_a_deactivated_account_is_out_and_stays_out_when_it_is_activated_again(olga: User) -> None:
    client = signed_in(olga)
    olga.is_active = False
    olga.save()
    olga.is_active = True
    olga.save()
    assert not is_in(client)


def test_a_person_sees_what_happened_to_their_own_account(olga: User) -> None:
    tries("olga", "wrong", "198.51.100.9")
    page = signed_in(olga).get("/account/").content.decode()
    assert "refused" in page
    assert "198.51.100.9" in page
    assert "198.51.100.9" not in signed_in(factories.tom()).get("/account/").content.decode()
