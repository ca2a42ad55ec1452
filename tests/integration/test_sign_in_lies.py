"""What a provider says, or somebody in its name, is believed only when everything about it is right."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.services.lying import LyingProvider, lying_provider

pytestmark = pytest.mark.usefixtures("live_db")
LIES: dict[str, Callable[[LyingProvider], object]] = {
    "another issuer": lambda one: one.claims.update(iss="https://evil.example"),
    "another audience": lambda one: one.claims.update(aud="somebody-else"),
    "another nonce": lambda one: one.claims.update(nonce="x"),
    "expired": lambda one: one.claims.update(exp=int(time.time()) - 600),
    "no subject": lambda one: one.claims.update(sub=""),
    "a foreign key": lambda one: one.signs_with_a_foreign_key(),
    "the client's secret as key": lambda one: one.signs_with_the_client_secret(),
    "an answer that is an error": lambda one: setattr(one, "status", 500),
}


@pytest.fixture
def provider(settings: Any) -> Iterator[LyingProvider]:
    with lying_provider() as provider:
        secret = "a client secret of some length, yes"
        oidc = {"ISSUER": provider.issuer, "CLIENT_ID": "ops", "CLIENT_SECRET": secret}
        settings.OIDC = settings.OIDC | oidc | {"CREATE_ACCOUNTS": True}
        provider.claims = {"preferred_username": "olga"}
        yield provider


def comes_back(provider: LyingProvider, lie: Callable[[LyingProvider], object] | None = None) -> Any:
    client = Client()
    there = parse_qs(urlparse(client.get("/sign-in/sso/")["Location"]).query)
    provider.nonce = there["nonce"][0]
    if lie is not None:
        lie(provider)
    answer = client.get("/sign-in/sso/back/", {"code": "c", "state": there["state"][0]})
    return answer, client


def test_the_truth_is_believed(provider: LyingProvider) -> None:
    answer, client = comes_back(provider)
    assert answer.status_code == 302
    assert client.get("/executions/").status_code != 302


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_lets_nobody_in(provider: LyingProvider, lie: str) -> None:
    answer, client = comes_back(provider, LIES[lie])
    assert answer.status_code == 502
    assert client.get("/executions/").status_code == 302
    assert not User.objects.exists()


def test_metadata_of_another_issuer_is_refused(provider: LyingProvider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}
    assert Client().get("/sign-in/sso/").status_code == 502


def test_a_sign_in_at_the_provider_long_ago_is_none_of_now(provider: LyingProvider) -> None:
    provider.claims["auth_time"] = int(time.time()) - 5000
    answer, client = comes_back(provider)
    assert answer.status_code == 302
    assert client.get("/account/second-factor/")["Location"].startswith("/sign-in/again/")
    there = parse_qs(urlparse(client.get("/sign-in/sso/")["Location"]).query)
    provider.nonce = there["nonce"][0]
    back = client.get("/sign-in/sso/back/", {"code": "c", "state": there["state"][0]})
    assert back.status_code == 502, "it was told to ask again, and did not"
