"""From a row of the table to a store, with settings that hold no secret and name where the worker finds its own."""

import os
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from safety.secrets.asset_service import AssetService, AssetServiceSettings
from safety.secrets.caching import Caching
from safety.secrets.errors import StoreMisconfigured
from safety.secrets.found import SecretStore
from safety.secrets.local import FileStore
from safety.secrets.policy import PathPolicy, prefixes_problem
from safety.secrets.vault import VaultStore
from safety.secrets.vault_settings import READ_TIMEOUT_S, VaultSettings

KINDS = ("vault", "file", "asset_service")
# A row may point only at what the worker's operator put here for that purpose, never at DATABASE_URL or /etc.
VARIABLES = re.compile(r"OPSC_STORE_[A-Z0-9_]*[A-Z0-9]")
CREDENTIALS, FOLDERS = "credentials", "folders"
_INSIDE = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)


def _address(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://vault.example:8200")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError("must begin with https://: the worker's token goes there")
    return value.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _variable(value: str) -> str:
    if value and not VARIABLES.fullmatch(value):
        raise ValueError("must be a variable of the workers whose name begins with OPSC_STORE_")
    return value


def _inside(value: str) -> str:
    if value and not _INSIDE.fullmatch(value):
        raise ValueError("must be a path below its folder, without `..`")
    return value


Address = Annotated[str, AfterValidator(_address)]
Variable = Annotated[str, AfterValidator(_variable)]
Inside = Annotated[str, AfterValidator(_inside)]
TimeoutS = Annotated[float, Field(gt=0, le=30)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Vault(_Strict):
    """Exactly one way to sign in: token_env, token_file, or role_id with secret_id_env or secret_id_file."""

    address: Address
    namespace: Annotated[str, Field(pattern=r"^[\w./-]*$", max_length=200)] = ""
    auth: Literal["token", "approle"]
    token_env: Variable = ""
    token_file: Inside = ""
    role_id: Annotated[str, Field(max_length=200)] = ""
    secret_id_env: Variable = ""
    secret_id_file: Inside = ""
    ca_file: Inside = ""
    timeout_s: TimeoutS = READ_TIMEOUT_S

    def problem(self) -> str:
        """What the auth method lacks, empty when nothing."""
        if self.auth == "token" and bool(self.token_env) == bool(self.token_file):
            return "auth token: give either token_env or token_file"
        if self.auth == "approle" and not (
            self.role_id and bool(self.secret_id_env) != bool(self.secret_id_file)
        ):
            return "auth approle: give role_id, and either secret_id_env or secret_id_file"
        return ""

    def store(self, name: str, policy: PathPolicy) -> SecretStore:
        role = self.auth == "approle"
        given = VaultSettings(
            address=self.address,
            token="" if role else _from_environment(self.token_env, name),
            token_file="" if role else _credential(self.token_file),
            role_id=self.role_id if role else "",
            secret_id=_from_environment(self.secret_id_env, name) if role else "",
            secret_id_file=_credential(self.secret_id_file) if role else "",
            namespace=self.namespace,
            ca_file=_credential(self.ca_file),
            timeout_s=self.timeout_s,
        )
        return VaultStore(given, name=name, policy=policy)


class _File(_Strict):
    folder: Annotated[Inside, Field(min_length=1)]

    def problem(self) -> str:
        return ""

    def store(self, name: str, policy: PathPolicy) -> SecretStore:
        return FileStore(Path(_below(FOLDERS, self.folder)), name=name, policy=policy)


class _AssetService(_Strict):
    address: Address
    token_env: Variable = ""
    token_file: Inside = ""
    ca_file: Inside = ""
    timeout_s: TimeoutS = READ_TIMEOUT_S

    def problem(self) -> str:
        return "give token_env or token_file, not both" if self.token_env and self.token_file else ""

    def store(self, name: str, policy: PathPolicy) -> SecretStore:
        del policy  # the service says whose an asset is
        given = AssetServiceSettings(
            address=self.address,
            token=_from_environment(self.token_env, name),
            token_file=_credential(self.token_file),
            ca_file=_credential(self.ca_file),
            timeout_s=self.timeout_s,
        )
        return AssetService(given, name=name)


_MODELS: dict[str, type[_Vault | _File | _AssetService]] = {
    "vault": _Vault,
    "file": _File,
    "asset_service": _AssetService,
}


def settings_problem(kind: str, settings: Any) -> str:
    """What is wrong with the settings of a row, empty when nothing is; values are not repeated."""
    if not isinstance(settings, Mapping):
        return "must be an object with names and values"
    try:
        return _MODELS[kind].model_validate(settings).problem()
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)


def build(
    *, name: str, kind: str, settings: Mapping[str, Any], prefixes: Sequence[str], cache_s: int, shared: bool
) -> SecretStore:
    """`shared`: every tenant uses it. Raises StoreMisconfigured."""
    problem = settings_problem(kind, settings) if kind in _MODELS else f"unknown kind {kind!r}"
    if not problem and kind != "asset_service":
        problem = prefixes_problem(prefixes, shared=shared)
    if problem:
        raise StoreMisconfigured(
            f"{name}: the store's settings are wrong ({problem}); a superuser can repair them"
        )
    made = _MODELS[kind].model_validate(settings).store(name, PathPolicy(tuple(prefixes)))
    return Caching(made, seconds=cache_s) if cache_s else made


def _from_environment(variable: str, name: str) -> str:
    if not variable:
        return ""
    value = os.environ.get(variable, "")
    if not value:
        raise StoreMisconfigured(
            f"{name}: this worker has no variable {variable}; its operator has to set it"
        )
    return value


def _credential(inside: str) -> str:
    return _below(CREDENTIALS, inside) if inside else ""


def _below(folder: str, inside: str) -> str:
    root = django_settings.OPSC["STORES_DIR"]
    if not root:
        raise StoreMisconfigured("this worker has no OPSC_STORES_DIR, where files of stores lie")
    return str(Path(root) / folder / inside)
