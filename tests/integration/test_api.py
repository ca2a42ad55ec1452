"""The API: only a token lets in, each answer is JSON, and nobody gets further with it than its person could."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

from executions.api import views
from executions.models import Event
from safety.choices import Role, Scope
from safety.signin.models import SignInRecord
from tests import factories
from tests.integration.test_api_tokens import expired, from_elsewhere, revoked
from tests.programs import a_plan, asked, error_of, sent

pytestmark = pytest.mark.usefixtures("live_db")

NOBODYS = UUID("00000000-0000-4000-8000-000000000000")
READING = ["token", "executions", f"executions/{NOBODYS}"]
WRITING = ["executions", f"executions/{NOBODYS}/cancel", f"executions/{NOBODYS}/retry"]


def test_a_token_says_what_it_is() -> None:
    token, value = factories.a_token(factories.olga(), scopes=["read"], networks=["127.0.0.0/8"])
    answer = asked(value)
    assert answer.status_code == 200
    assert answer.json() == {
        "name": token.name,
        "prefix": f"opsc_{token.prefix}",
        "account": "olga",
        "tenant": "acme",
        "scopes": ["read"],
        "networks": ["127.0.0.0/8"],
        "expires_at": answer.json()["expires_at"],
    }
    assert value.rpartition("_")[2] not in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("path", [*READING, *WRITING, "nothing/here"])
def test_a_session_gives_nothing(path: str) -> None:
    boss = factories.a_person("boss", Role.TENANT_ADMIN, is_superuser=True)
    client = Client()
    client.force_login(boss)
    missing = (404, "not_found") if path == "nothing/here" else (401, "auth.missing")
    answer = asked("", path, client=client) if path in READING else sent("", path, client=client)
    assert error_of(answer) == missing
    if missing[0] == 401:
        assert answer["WWW-Authenticate"] == 'Bearer realm="OpsConductor"'


def test_a_token_opens_no_page() -> None:
    _, value = factories.a_token(factories.olga())
    answer = Client().get("/executions/", headers={"Authorization": f"Bearer {value}"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


def test_no_cookie_is_set_and_no_form_token_asked_for() -> None:
    _, value = factories.a_token(factories.olga())
    client = Client(enforce_csrf_checks=True)
    answer = sent(value, "executions", a_plan(), client=client)
    assert answer.status_code == 201
    assert not answer.cookies


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "auth.missing"),
        ("Basic b2xnYTp4", "auth.missing"),
        ("Bearer", "auth.invalid"),
        ("Bearer nonsense", "auth.invalid"),
        (f"Bearer opsc_{'0' * 12}_{'0' * 64}", "auth.invalid"),
    ],
)
def test_without_a_right_token_there_is_one_answer(header: str, code: str) -> None:
    answer = asked("", headers={"Authorization": header})
    assert error_of(answer) == (401, code)
    assert answer["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(revoked, "auth.revoked"), (expired, "auth.expired"), (from_elsewhere, "auth.network")],
)
def test_a_token_that_is_good_no_more_is_refused_in_the_history_of_its_tenant(spoil: Any, code: str) -> None:
    token, value = factories.a_token(factories.olga())
    spoil(token)
    assert error_of(asked(value)) == (401, code)
    event = Event.objects.get(type="token.refused")
    assert (event.tenant_id, event.data["prefix"]) == (token.tenant_id, token.prefix)
    assert SignInRecord.objects.get().what == "refused"


def test_a_token_in_the_address_is_refused_and_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    _, value = factories.a_token(factories.olga())
    for name in ("token", "access_token", "anything"):
        assert error_of(asked(value, f"token?{name}={value}")) == (400, "auth.in_query")
    assert error_of(asked("", "token?api_key=x")) == (400, "auth.in_query")
    assert Event.objects.filter(type="token.refused").count() == 3
    assert value.rpartition("_")[2] not in caplog.text


def test_wrong_ones_are_slowed_down_and_right_ones_are_not(settings: Any) -> None:
    settings.OPSC = settings.OPSC | {"LOGIN_ADDRESS_TRIES": 2}
    _, value = factories.a_token(factories.olga())
    answers = [asked("nonsense") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert asked(value).status_code == 200


NEEDS = {"token": None, "executions": Scope.READ, f"executions/{NOBODYS}": Scope.READ}
NEEDS_TO_SEND = dict(zip(WRITING, (Scope.SUBMIT, Scope.CANCEL, Scope.RETRY), strict=True))


@pytest.mark.parametrize("scope", Scope.values)
def test_each_scope_opens_its_own_door_and_no_other(scope: str) -> None:
    _, value = factories.a_token(factories.a_person("boss", Role.TENANT_ADMIN), scopes=[scope])
    for path, needed in NEEDS.items():
        closed = error_of(asked(value, path)) == (403, "auth.scope") if needed not in (None, scope) else False
        assert closed is (needed not in (None, scope)), path
    for path, needed in NEEDS_TO_SEND.items():
        answer = sent(value, path, {})
        assert (error_of(answer) == (403, "auth.scope")) is (needed != scope), path


def test_every_address_of_the_api_is_in_these_tests() -> None:
    patterns = get_resolver("executions.api.urls").url_patterns
    assert {str(one.name) for one in patterns} == {
        "token",
        "executions",
        "execution",
        "cancel",
        "retry",
        "nothing",
    }


def test_a_failure_of_ours_is_an_id_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, value = factories.a_token(factories.olga())

    def broken(*_: Any) -> HttpResponse:
        raise RuntimeError("the inner workings")

    monkeypatch.setattr(views, "bearing_of", broken)
    answer = asked(value, "executions")
    assert error_of(answer) == (500, "internal")
    assert "inner workings" not in answer.content.decode()
    assert answer.json()["error"]["id"] in [getattr(one, "error_id", "") for one in caplog.records]


def test_a_second_factor_that_a_person_lacks_hinders_no_token(settings: Any) -> None:
    """It is asked for where tokens are made."""
    settings.OPSC = settings.OPSC | {"REQUIRE_SECOND_FACTOR": "everybody"}
    olga = factories.olga()
    _, value = factories.a_token(olga)
    assert asked(value).status_code == 200
    client = Client()
    client.force_login(olga)
    assert asked(value, client=client).json()["account"] == "olga"


def test_the_session_of_somebody_else_changes_nothing() -> None:
    boss = factories.a_person("boss", Role.TENANT_ADMIN)
    client = Client()
    client.force_login(boss)
    _, value = factories.a_token(factories.a_person("vera", Role.VIEWER), scopes=Scope.values)
    assert error_of(sent(value, "executions", a_plan(), client=client)) == (403, "not_allowed")


def test_a_superuser_is_none_with_a_token_and_one_still_afterwards() -> None:
    root = factories.a_person("root", Role.VIEWER, is_superuser=True, is_staff=True)
    _, value = factories.a_token(root)
    assert error_of(sent(value, "executions", a_plan()))[0] == 403
    assert User.objects.get().is_superuser
