"""Single sign-on against a provider in a process of its own, on loopback."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client

from safety.models import Membership
from safety.signin.models import ExternalIdentity, SecondFactor
from tests import factories
from tests.commands import manage

pytestmark = pytest.mark.usefixtures("live_db")
PEOPLE = [
    {"sub": "s1", "preferred_username": "olga", "email": "olga@acme.example", "email_verified": True},
    {"sub": "s2", "preferred_username": "eve", "email": "olga@acme.example", "email_verified": False},
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    people = [word for claims in PEOPLE for word in ("--user-claims", json.dumps(claims))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *people]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                found = requests.get(f"{address}/.well-known/openid-configuration", timeout=2).json()
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield found["issuer"]
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def configured(issuer: str, settings: Any) -> Any:
    def put(**more: Any) -> None:
        settings.OIDC = settings.OIDC | {"ISSUER": issuer, "CLIENT_ID": "ops", "CLIENT_SECRET": "s"} | more

    put()
    return put


def at_the_provider(client: Client, subject: str, to: str = "/approvals/") -> str:
    """Go there, say who one is; the address that leads back."""
    there = client.get(f"/sign-in/sso/?next={to}")["Location"]
    answer = requests.post(there, data={"sub": subject}, allow_redirects=False, timeout=5)
    place = urlparse(answer.headers["Location"])
    return f"{place.path}?{place.query}"


def comes_back(subject: str, client: Client | None = None) -> Any:
    client = client or Client()
    return client.get(at_the_provider(client, subject))


def test_a_linked_account_gets_in_where_it_wanted_to_go(configured: Any) -> None:
    User.objects.create_superuser("root")
    factories.olga()
    assert manage("link_identity", "olga", "s1", "--as", "olga").code == 2
    assert manage("link_identity", "olga", "s1", "--as", "root").code == 0
    assert manage("link_identity", "root", "s1", "--as", "root").code == 2
    client = Client()
    assert comes_back("s1", client)["Location"] == "/approvals/"
    assert client.get("/executions/").status_code == 200
    assert client.session["signed_in_with"] == "single sign-on"
    assert "Single sign-on" in Client().get("/sign-in/").content.decode()


def test_what_is_sent_to_the_provider_holds_state_nonce_and_a_pkce_challenge(configured: Any) -> None:
    there = parse_qs(urlparse(Client().get("/sign-in/sso/")["Location"]).query)
    assert there["code_challenge_method"] == ["S256"]
    assert there["response_type"] == ["code"]
    assert {"state", "nonce", "code_challenge"} <= set(there)
    assert "prompt" not in there


def test_neither_a_name_nor_an_address_makes_somebody_the_owner_of_an_account(configured: Any) -> None:
    factories.olga(email="olga@acme.example")
    for create in (False, True):
        configured(CREATE_ACCOUNTS=create)
        client = Client()
        answer = comes_back("s1", client)
        assert answer.status_code == 403
        assert client.get("/executions/").status_code == 302
    assert "exists, and nobody has said that it is yours" in answer.content.decode()
    assert not ExternalIdentity.objects.exists()


def test_accounts_are_made_at_first_sight_only_where_that_is_configured_and_get_no_membership(
    configured: Any,
) -> None:
    assert comes_back("s1").status_code == 403
    configured(CREATE_ACCOUNTS=True)
    for _ in range(2):
        assert comes_back("s1").status_code == 302
    made = User.objects.get()
    assert (made.username, made.is_staff, made.is_superuser) == ("olga", False, False)
    assert not made.has_usable_password()
    assert not Membership.objects.exists()
    made.is_active = False
    made.save()
    assert comes_back("s1").status_code == 403


def test_only_verified_addresses_of_the_configured_domains_are_let_in(configured: Any) -> None:
    configured(CREATE_ACCOUNTS=True, EMAIL_DOMAINS=["acme.example"])
    assert [comes_back(subject).status_code for subject in ("s1", "s2")] == [302, 403]
    configured(CREATE_ACCOUNTS=True, EMAIL_DOMAINS=["other.example"])
    assert comes_back("s1").status_code == 403


def test_an_answer_for_another_browser_or_a_second_time_is_refused(configured: Any) -> None:
    configured(CREATE_ACCOUNTS=True)
    mine, victim = Client(), Client()
    back = at_the_provider(mine, "s1")
    victim.get("/sign-in/sso/")
    assert victim.get(back).status_code == 502
    assert mine.get(back).status_code == 302
    mine.post("/sign-out/")
    assert mine.get(back).status_code == 502
    assert mine.get("/executions/").status_code == 302


def test_who_has_a_second_factor_here_is_asked_for_it_unless_the_provider_asks(configured: Any) -> None:
    configured(CREATE_ACCOUNTS=True)
    comes_back("s1")
    SecondFactor.objects.create(user=User.objects.get(), sealed="x", last_step=0)
    assert comes_back("s1")["Location"] == "/sign-in/code/"
    configured(IS_SECOND_FACTOR=True)
    assert comes_back("s1")["Location"] == "/approvals/"


def test_signing_in_again_asks_the_provider_anew_and_is_for_the_same_person(configured: Any) -> None:
    configured(CREATE_ACCOUNTS=True)
    client = Client()
    comes_back("s1", client)
    session = client.session
    session["proven_at"] -= 1000
    session.save()
    page = client.get("/sign-in/again/").content.decode()
    assert "Single sign-on" in page
    assert 'type="password"' not in page  # the account has none
    there = parse_qs(urlparse(client.get("/sign-in/sso/")["Location"]).query)
    assert (there["prompt"], there["max_age"]) == (["login"], ["0"])
    assert comes_back("s2", client).status_code == 403
    before = client.session["proven_at"]
    assert comes_back("s1", client)["Location"] == "/approvals/"
    assert client.session["proven_at"] > before + 900


def test_a_provider_that_is_away_or_says_no_gets_a_page_and_no_traceback(configured: Any) -> None:
    answer = Client().get("/sign-in/sso/back/?error=access_denied&error_description=no")
    assert answer.status_code == 502
    assert "Single sign-on did not work" in answer.content.decode()
    configured(ISSUER="http://127.0.0.1:1")
    assert Client().get("/sign-in/sso/").status_code == 502
    configured(ISSUER="")
    assert Client().get("/sign-in/sso/").status_code == 404
    assert Client().get("/sign-in/sso/back/").status_code == 404
