"""Credentials from the asset service (docs/operations.md: secret stores)."""

import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from safety.secrets.bounded import BoundedSession
from safety.secrets.breaker import CircuitBreaker
from safety.secrets.errors import (
    NoVersions,
    SecretError,
    SecretForbidden,
    SecretMissing,
    SignInRefused,
    StoreBusy,
    StoreFaulty,
    StoreGarbled,
    StoreRedirects,
    StoreUnreachable,
)
from safety.secrets.found import Found, Wanted
from safety.secrets.vault_faults import unanswered
from safety.secrets.vault_settings import READ_TIMEOUT_S

CONNECT_TIMEOUT_S = 3.0
TRIES = 3
PAUSE_S = 0.2  # before the second try; twice that before the third
LARGEST_ANSWER = 1_048_576  # bytes


@dataclass(frozen=True)
class AssetServiceSettings:
    """Where the service is, and the token that it wants, if any."""

    address: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    ca_file: str = ""
    timeout_s: float = READ_TIMEOUT_S

    @classmethod
    def from_environment(cls) -> "AssetServiceSettings | None":
        """None without OPSC_ASSET_SERVICE_URL."""
        given = os.environ.get
        address = given("OPSC_ASSET_SERVICE_URL", "").rstrip("/")
        if not address:
            return None
        return cls(
            address=address,
            token=given("OPSC_ASSET_SERVICE_TOKEN", ""),
            token_file=given("OPSC_ASSET_SERVICE_TOKEN_FILE", ""),
            ca_file=given("OPSC_ASSET_SERVICE_CACERT", ""),
        )


class AssetService:
    """Reads `asset:<id>#<field>` by `GET <address>/<id>/credentials`.

    The answer is `{"tenant": "<slug>", "credentials": {…}}`; one that names another tenant, or none, is refused.
    Connection errors and 5xx are tried three times with growing pauses; after five requests in a row that
    failed so, nobody asks for half a minute.
    """

    def __init__(self, given: AssetServiceSettings, *, name: str = "asset") -> None:
        self._given, self._name = given, name
        self._breaker = CircuitBreaker()

    def read(self, wanted: Wanted) -> Found:
        where = str(wanted.reference)
        if wanted.reference.version:
            raise NoVersions(f"{where}: the asset service keeps no versions; leave out ?version=")
        try:
            asset = UUID(wanted.path)
        except ValueError:
            raise SecretMissing(f"{where}: an asset is named by its id") from None
        answer = self._asked(str(asset), where)
        if answer.get("tenant") != wanted.tenant_slug:
            raise SecretForbidden(
                f"{where}: the service does not say that this asset is {wanted.tenant_slug}'s"
            )
        credentials = answer.get("credentials")
        if not isinstance(credentials, dict):
            raise StoreGarbled(f"{where}: the answer holds no credentials")
        return Found.of(credentials)

    def _asked(self, asset: str, where: str) -> dict[str, Any]:
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE_S * 2 ** (number - 1) * random.uniform(0.5, 1.0))  # noqa: S311
            if not self._breaker.may_try():
                break
            try:
                answer = self._once(asset, where)
            except SecretError as error:
                self._note(error)
                if not _is_worth_a_try(error) or number == TRIES - 1:
                    raise
            else:
                self._breaker.succeeded()
                return answer
        raise StoreUnreachable(
            f"{self._name}: the asset service failed several times in a row; not asked for now"
        )

    def _note(self, error: SecretError) -> None:
        if error.transient:
            self._breaker.failed()
        else:
            self._breaker.succeeded()  # it did answer

    def _once(self, asset: str, where: str) -> dict[str, Any]:
        given = self._given
        token = given.token or (_content(given.token_file, self._name) if given.token_file else "")
        failure: SecretError | None
        try:
            with BoundedSession(CONNECT_TIMEOUT_S + given.timeout_s, verify=given.ca_file or True) as session:
                answer = session.get(
                    f"{given.address}/{asset}/credentials",
                    headers={"Accept": "application/json"}
                    | ({"Authorization": f"Bearer {token}"} if token else {}),
                    timeout=(CONNECT_TIMEOUT_S, given.timeout_s),
                    allow_redirects=False,
                )
        except (requests.RequestException, OSError) as error:
            failure = unanswered(self._name, error)
        else:
            return self._judged(answer, where)
        raise failure or StoreUnreachable(f"{self._name}: the asset service does not answer")

    def _judged(self, answer: requests.Response, where: str) -> dict[str, Any]:
        status = answer.status_code
        if status in (401, 403):
            raise SignInRefused(
                f"{where}: the asset service does not accept our token; give the worker another"
            )
        if status == 404:
            raise SecretMissing(f"{where}: the asset service knows no credentials of this asset")
        if status == 429:
            raise StoreBusy(f"{self._name}: the asset service asks to wait (429)")
        if status >= 500:
            raise StoreFaulty(
                f"{self._name}: the asset service has a fault of its own ({status}); look at its log"
            )
        if 300 <= status < 400:
            raise StoreRedirects(f"{self._name}: the asset service sends us elsewhere, and we do not follow")
        try:
            data = answer.json() if status == 200 and len(answer.content) <= LARGEST_ANSWER else None
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise StoreGarbled(f"{where}: the answer is not that of an asset service")
        return data


def _is_worth_a_try(error: SecretError) -> bool:
    return error.transient and not isinstance(error, StoreBusy)


def _content(name: str, store: str) -> str:
    try:
        return Path(name).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise SignInRefused(f"{store}: the worker cannot read {name}") from None
