"""A signed-in conversation with a Vault server that stays signed in."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import hvac  # type: ignore[import-untyped]
from hvac import exceptions as refusals

from safety.masking import Masker, live
from safety.secrets.bounded import BoundedSession
from safety.secrets.errors import SecretError, SignInRefused, StoreUntrusted, TokenExpired
from safety.secrets.vault_faults import in_our_words, object_in
from safety.secrets.vault_settings import VaultSettings

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 3.0
_RENEW_AT = 2 / 3  # of the token's life
_SOONEST_S = 0.5

T = TypeVar("T")


class VaultSession:
    """Signs in when first needed, renews the token before it ends, and signs in again when it ended all the same.

    A timer renews, so that a token survives a worker that has nothing to do. Thread-safe. Nothing is kept but
    the token, and what was used to sign in is masked in this process's logs.
    """

    def __init__(self, given: VaultSettings, *, name: str = "vault") -> None:
        self.name = name
        self._given = given
        self._guard = threading.Lock()
        self._client: hvac.Client | None = None
        self._worked = False  # some token of ours was taken before
        self._ends_at = float("inf")  # time.monotonic()
        self._timer: threading.Timer | None = None
        self._masker: Masker | None = None

    def ask(
        self,
        method: str,
        path: str,
        where: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
    ) -> dict[str, Any]:
        """The server's answer to a request for `/v1/<path>`. Raises SecretError with `where` in it."""

        def asking() -> dict[str, Any]:
            more = {"params": params} if params else {}
            return self._asked(lambda client: _answer(client, method, path, where, json=body, **more))

        return in_our_words(self.name, where, asking)

    def close(self) -> None:
        """Forget the token; no more renewals. The next request signs in anew."""
        with self._guard:
            self._drop()

    def _asked(self, request: Callable[[hvac.Client], T]) -> T:
        client = self._signed_in()
        try:
            return self._taken(request(client))
        except (refusals.Forbidden, refusals.Unauthorized):
            if _is_good(client):
                raise
        with self._guard:
            if self._client is client:
                self._drop()
        client = self._signed_in()
        try:
            return self._taken(request(client))
        except (refusals.Forbidden, refusals.Unauthorized):
            if _is_good(client):
                raise
        raise self._not_taken()

    def _taken(self, answer: T) -> T:
        self._worked = True
        return answer

    def _not_taken(self) -> SecretError:
        if self._worked:
            return TokenExpired(f"{self.name}: the token expired or was revoked; give the worker a new one")
        return SignInRefused(f"{self.name}: the token is expired, revoked or wrong; give the worker another")

    def _signed_in(self) -> hvac.Client:
        with self._guard:
            if self._client is not None and time.monotonic() >= self._ends_at:
                self._drop()
            if self._client is None:
                self._client, life_s = self._sign_in()
                self._mask(str(self._client.token), self._given.secret_id)
                self._renew_within(self._client, life_s)
            return self._client

    def _sign_in(self) -> tuple[hvac.Client, float]:
        """A client with a token, and how long that lives if it can be renewed; 0 when it need not or cannot."""
        given = self._given
        try:
            client = hvac.Client(
                url=given.address,
                token=given.token or self._from_file(given.token_file),
                namespace=given.namespace or None,
                verify=given.ca_file or True,
                timeout=(CONNECT_TIMEOUT_S, given.timeout_s),
                session=BoundedSession(CONNECT_TIMEOUT_S + given.timeout_s, verify=given.ca_file or True),
                allow_redirects=False,  # a redirect could carry the token elsewhere
            )
            if client.token:
                return client, _life_s(client)
            if given.role_id:
                return client, self._by_role(client)
        except OSError as error:
            if given.ca_file and not Path(given.ca_file).is_file():
                raise StoreUntrusted(f"{self.name}: the CA file {given.ca_file} cannot be read") from None
            raise error from None
        raise SignInRefused(
            f"{self.name}: no token and no role to sign in with (VAULT_TOKEN, VAULT_ROLE_ID, or the store's settings)"
        )

    def _by_role(self, client: hvac.Client) -> float:
        given = self._given
        secret_id = given.secret_id or self._from_file(given.secret_id_file)
        self._mask(secret_id)
        try:
            answer = client.auth.approle.login(role_id=given.role_id, secret_id=secret_id)
        except (refusals.InvalidRequest, refusals.Forbidden, refusals.Unauthorized):
            raise SignInRefused(
                f"{self.name}: the role id or secret id is not accepted; make a new secret id"
            ) from None
        signed_in = object_in(answer, self.name)["auth"]
        return float(signed_in["lease_duration"]) if signed_in.get("renewable") else 0.0

    def _renew_within(self, client: hvac.Client, life_s: float) -> None:
        """Arm the timer; with the guard held."""
        self._ends_at = time.monotonic() + life_s if life_s else float("inf")
        if life_s:
            wait_s = max(life_s * _RENEW_AT, _SOONEST_S)
            self._timer = threading.Timer(wait_s, self._renew, (client,))
            self._timer.daemon = True
            self._timer.start()

    def _renew(self, client: hvac.Client) -> None:
        """What the timer does: on success another timer, on refusal a new sign-in at the next request."""
        try:
            renewed = in_our_words(self.name, self.name, lambda: client.auth.token.renew_self()["auth"])
            life_s = float(renewed["lease_duration"])
        except SecretError as error:
            logger.warning("%s: the token could not be renewed (%s)", self.name, error.code)
            life_s = self._ends_at - time.monotonic() if error.transient else 0.0
        with self._guard:
            if self._client is not client:
                return
            if life_s > 0:
                self._renew_within(client, life_s)
            else:
                self._drop()

    def _drop(self) -> None:
        """Forget the client; with the guard held."""
        if self._timer is not None:
            self._timer.cancel()
        if self._masker is not None:
            live.retire(self._masker)
        self._client = self._timer = self._masker = None
        self._ends_at = float("inf")

    def _mask(self, *values: str) -> None:
        """Keep them out of this process's logs for as long as we use them; with the guard held."""
        if self._masker is None:
            self._masker = Masker()
            live.register(self._masker)
        for value in filter(None, values):
            self._masker.add(value, name=f"{self.name}: own credential")

    def _from_file(self, name: str) -> str:
        """Content of a token file, read anew at every sign-in because agents renew it; empty without a name."""
        if not name:
            return ""
        try:
            return Path(name).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise SignInRefused(f"{self.name}: the worker cannot read {name}") from None


def _answer(client: hvac.Client, method: str, path: str, where: str, **more: Any) -> dict[str, Any]:
    answer = client.adapter.request(method, f"/v1/{path}", **more)
    return {} if getattr(answer, "status_code", 0) == 204 else object_in(answer, where)


def _is_good(client: hvac.Client) -> bool:
    try:
        client.auth.token.lookup_self()
    except (refusals.Forbidden, refusals.Unauthorized):
        return False
    return True


def _life_s(client: hvac.Client) -> float:
    """How long a given token still lives, if it can be renewed. A policy may forbid asking: then 0."""
    try:
        about = object_in(client.auth.token.lookup_self(), "token")["data"]
    except (refusals.Forbidden, refusals.Unauthorized):
        return 0.0
    return float(about["ttl"]) if about.get("renewable") else 0.0
