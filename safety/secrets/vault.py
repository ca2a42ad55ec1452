"""Secrets in Vault or OpenBao, versions 1 and 2 of the key-value engine."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import hvac  # type: ignore[import-untyped]
import requests
from hvac import exceptions as refusals

from safety.secrets.errors import (
    FieldMissing,
    SecretError,
    SecretForbidden,
    SecretMissing,
    SignInRefused,
    StoreGarbled,
    StoreSealed,
    StoreUnreachable,
    TooLarge,
    WrongType,
)

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 5.0
LARGEST_VALUE = 65536  # bytes

T = TypeVar("T")


@dataclass(frozen=True)
class VaultSettings:
    """How to reach and sign in to the server: by token, file with a token, or AppRole."""

    address: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    role_id: str = ""
    secret_id: str = field(default="", repr=False)
    secret_id_file: str = ""
    namespace: str = ""
    ca_file: str = ""
    timeout_s: float = READ_TIMEOUT_S

    @classmethod
    def from_environment(cls) -> "VaultSettings | None":
        """From the variables that Vault's own tools use; none without VAULT_ADDR."""
        given = os.environ.get
        address = given("VAULT_ADDR", "")
        if not address:
            return None
        return cls(
            address=address,
            token=given("VAULT_TOKEN", ""),
            token_file=given("VAULT_TOKEN_FILE", ""),
            role_id=given("VAULT_ROLE_ID", ""),
            secret_id=given("VAULT_SECRET_ID", ""),
            secret_id_file=given("VAULT_SECRET_ID_FILE", ""),
            namespace=given("VAULT_NAMESPACE", ""),
            ca_file=given("VAULT_CACERT", ""),
        )


class VaultStore:
    """Reads `vault:<mount>/<tenant slug>/<path>#<field>`; the API's path (`<mount>/data/…`) works too.

    A tenant reaches only what is below `<mount>/<its slug>/`. Signs in when first needed, and once more when
    the server no longer takes the token. Nothing is kept but the token and which mounts there are.
    """

    def __init__(self, given: VaultSettings) -> None:
        self._given = given
        self._guard = threading.Lock()
        self._client: hvac.Client | None = None
        self._mounts: dict[str, int] = {}

    def read(self, tenant_slug: str, path: str, key: str) -> str:
        return self._faults(path, lambda: self._read(tenant_slug, path, key))

    def _read(self, tenant_slug: str, path: str, key: str) -> str:
        mount, version = self._mount(path)
        inside = path[len(mount) :].lstrip("/")
        if version == 2 and inside.startswith(f"data/{tenant_slug}/"):
            inside = inside.removeprefix("data/")
        if not inside.startswith(f"{tenant_slug}/"):
            raise SecretForbidden(f"vault:{path}: only paths below {mount}{tenant_slug}/ are this tenant's")
        api_path = f"/v1/{mount}data/{inside}" if version == 2 else f"/v1/{mount}{inside}"
        data = _object(self._get(api_path, path).get("data"), path)
        return _field(_object(data.get("data"), path) if version == 2 else data, path, key)

    def _mount(self, path: str) -> tuple[str, int]:
        """Path of the mount with a slash at its end, and the version of its key-value engine."""
        for mount, version in tuple(self._mounts.items()):
            if path.startswith(mount):
                return mount, version
        answer = _object(self._get(f"/v1/sys/internal/ui/mounts/{path}", path).get("data"), path)
        mount = str(answer.get("path", ""))
        if answer.get("type") not in ("kv", "generic") or not mount or not path.startswith(mount):
            raise SecretForbidden(f"vault:{path}: not a key-value mount")
        options = answer.get("options")
        version = 2 if isinstance(options, dict) and options.get("version") == "2" else 1
        self._mounts[mount] = version
        return mount, version

    def _get(self, api_path: str, path: str) -> dict[str, Any]:
        client = self._signed_in()
        try:
            return _object(client.adapter.get(api_path), path)
        except refusals.Forbidden:
            if _token_is_good(client):
                raise
        with self._guard:
            if self._client is client:
                self._client = None
        return _object(self._signed_in().adapter.get(api_path), path)

    def _signed_in(self) -> hvac.Client:
        with self._guard:
            if self._client is None:
                self._client = self._sign_in()
            return self._client

    def _sign_in(self) -> hvac.Client:
        given = self._given
        client = hvac.Client(
            url=given.address,
            token=given.token or _from_file(given.token_file),
            namespace=given.namespace or None,
            verify=given.ca_file or True,
            timeout=(CONNECT_TIMEOUT_S, given.timeout_s),
            allow_redirects=False,  # a redirect could carry the token elsewhere
        )
        if not client.token and given.role_id:
            secret_id = given.secret_id or _from_file(given.secret_id_file)
            try:
                client.auth.approle.login(role_id=given.role_id, secret_id=secret_id)
            except (refusals.InvalidRequest, refusals.Forbidden, refusals.Unauthorized):
                raise SignInRefused("vault: the role id or secret id is not accepted") from None
        if not client.token:
            raise SignInRefused("vault: no token and no role to sign in with (VAULT_TOKEN, VAULT_ROLE_ID)")
        return client

    def _faults(self, path: str, reading: Callable[[], T]) -> T:
        """What went wrong, in the words of SecretError, without the server's own text."""
        failure: SecretError
        try:
            return reading()
        except SecretError:
            raise
        except refusals.InvalidPath:
            failure = SecretMissing(f"vault:{path} does not exist")
        except (refusals.Forbidden, refusals.Unauthorized):
            failure = self._refused(path)
        except refusals.VaultDown:
            failure = StoreSealed("vault: the server is sealed, or not yet up")
        except (refusals.RateLimitExceeded, refusals.InternalServerError, refusals.BadGateway):
            failure = StoreUnreachable("vault: the server has a fault of its own, or asks to wait")
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema):
            failure = StoreGarbled("vault: VAULT_ADDR is not an address")
        except (requests.exceptions.RequestException, OSError):
            failure = StoreUnreachable("vault: the server does not answer in time")
        except (refusals.VaultError, ValueError, KeyError, TypeError, AttributeError):
            failure = StoreGarbled("vault: the answer is not that of a Vault server")
        raise failure

    def _refused(self, path: str) -> SecretError:
        try:
            good = self._faults(path, lambda: _token_is_good(self._signed_in()))
        except SecretError as error:
            return error
        if good:
            return SecretForbidden(f"vault:{path}: the server's policy does not allow reading it")
        return SignInRefused("vault: the token is expired, revoked or wrong")


def _token_is_good(client: hvac.Client) -> bool:
    try:
        client.auth.token.lookup_self()
    except (refusals.Forbidden, refusals.Unauthorized):
        return False
    return True


def _from_file(name: str) -> str:
    """Content of a token file, read anew at every sign-in because agents renew it; empty without a name."""
    if not name:
        return ""
    try:
        return Path(name).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise SignInRefused(f"vault: {name} cannot be read") from None


def _object(answer: Any, path: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise StoreGarbled(f"vault:{path}: the answer is not that of a Vault server")
    return answer


def _field(fields: dict[str, Any], path: str, key: str) -> str:
    """The field asked for; without one, the only field, or that called `value`."""
    wanted = key or ("value" if "value" in fields else next(iter(fields), "") if len(fields) == 1 else "")
    if wanted not in fields:
        raise FieldMissing(
            f"vault:{path}: no field {key!r}" if key else f"vault:{path}: say which field (#name)"
        )
    value = fields[wanted]
    if not isinstance(value, str):
        raise WrongType(f"vault:{path}: the field is not text")
    if len(value.encode("utf-8", "surrogatepass")) > LARGEST_VALUE:
        raise TooLarge(f"vault:{path}: the field is larger than {LARGEST_VALUE} bytes")
    return value
