"""Promises about credentials from an asset service, kept against a real HTTP server."""

import json
from typing import Any
from uuid import uuid4

import pytest

from safety.secrets import errors
from safety.secrets.asset_service import TRIES, AssetService, AssetServiceSettings
from safety.secrets.breaker import CircuitBreaker
from safety.secrets.resolver import Resolver
from tests.secret_stores import read
from tests.services.httpd import TargetHttp

ASSET = str(uuid4())
ANSWER = json.dumps({"tenant": "acme", "credentials": {"username": "deploy", "password": "hunter2-asset"}})


@pytest.fixture
def service(target_http: TargetHttp) -> AssetService:
    target_http.on(f"/{ASSET}/credentials", body=ANSWER)
    return AssetService(AssetServiceSettings(address=target_http.url, token="service-token", timeout_s=0.5))


def test_the_credentials_of_an_asset_are_read_by_its_id(
    target_http: TargetHttp, service: AssetService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(service, "acme", ASSET, "password") == "hunter2-asset"
    (request,) = target_http.requests()
    assert (request.method, request.path) == ("GET", f"/{ASSET}/credentials")
    assert request.headers["Authorization"] == "Bearer service-token"

    monkeypatch.setenv("OPSC_ASSET_SERVICE_URL", target_http.url + "/")
    resolved = Resolver("acme").resolve({"secret": f"asset:{ASSET}#username"})
    assert resolved.reveal() == "deploy"


@pytest.mark.parametrize("tenant", ["other", "acme2", "acm", "Acme"])
def test_an_asset_of_another_tenant_is_refused(service: AssetService, tenant: str) -> None:
    with pytest.raises(errors.SecretForbidden, match="does not say that this asset is"):
        read(service, tenant, ASSET, "password")


@pytest.mark.parametrize(
    ("behaviour", "error", "asked"),
    [
        ({"status": 500, "body": "hunter2"}, errors.StoreFaulty, TRIES),
        ({"status": 503, "body": "hunter2"}, errors.StoreFaulty, TRIES),
        ({"drop": True}, errors.StoreUnreachable, TRIES),
        ({"hang": True}, errors.StoreSlow, TRIES),
        ({"status": 429}, errors.StoreBusy, 1),
        ({"status": 401}, errors.SignInRefused, 1),
        ({"status": 403}, errors.SignInRefused, 1),
        ({"status": 404}, errors.SecretMissing, 1),
        ({"status": 307, "headers": {"Location": "/elsewhere"}}, errors.StoreRedirects, 1),
        ({"status": 418}, errors.StoreGarbled, 1),
        ({"body": "<html>hunter2"}, errors.StoreGarbled, 1),
        ({"body": "[]"}, errors.StoreGarbled, 1),
        ({"body": '{"tenant": "acme"}'}, errors.StoreGarbled, 1),
        ({"body": '{"credentials": {"password": "hunter2"}}'}, errors.SecretForbidden, 1),
        ({"body": '{"tenant": "acme", "credentials": {"password": 5}}'}, errors.WrongType, 1),
        ({"body": '{"tenant": "acme", "credentials": {"user": "x"}}'}, errors.FieldMissing, 1),
    ],
)
def test_each_refusal_is_told_apart_and_only_what_may_pass_is_tried_again(
    target_http: TargetHttp,
    service: AssetService,
    behaviour: dict[str, Any],
    error: type[errors.SecretError],
    asked: int,
) -> None:
    target_http.on(f"/{ASSET}/credentials", **behaviour)

    with pytest.raises(error) as failure:
        read(service, "acme", ASSET, "password")

    assert "hunter2" not in str(failure.value)
    assert "service-token" not in str(failure.value)
    assert len(target_http.requests()) == asked


def test_a_service_that_keeps_failing_is_left_alone_for_a_while(
    target_http: TargetHttp, service: AssetService
) -> None:
    target_http.on(f"/{ASSET}/credentials", status=500)
    for _ in range(4):
        with pytest.raises((errors.StoreFaulty, errors.StoreUnreachable)) as failure:
            read(service, "acme", ASSET, "password")

    assert "failed several times in a row" in str(failure.value)
    assert failure.value.transient
    assert len(target_http.requests()) == 5


def test_a_breaker_lets_one_try_through_after_its_pause() -> None:
    breaker = CircuitBreaker(failures=2, open_s=0)
    breaker.failed()
    breaker.failed()
    assert breaker.may_try()
    breaker._open_s = 60
    breaker.failed()
    assert not breaker.may_try()
    breaker.succeeded()
    assert breaker.may_try()


@pytest.mark.parametrize("path", ["web", "web/x", "00000000-0000-0000-0000-00000000000g"])
def test_what_is_no_id_is_not_asked_for(target_http: TargetHttp, service: AssetService, path: str) -> None:
    with pytest.raises(errors.SecretMissing):
        read(service, "acme", path, "password")

    assert target_http.requests() == []
