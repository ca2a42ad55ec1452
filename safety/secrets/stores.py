"""The configured secret stores by name, and those that need nothing but this machine."""

import os
import re
import stat
from functools import cache
from pathlib import Path
from typing import Protocol

from django.conf import settings

from safety.secrets.errors import (
    FieldMissing,
    SecretForbidden,
    SecretMissing,
    StoreUnknown,
    StoreUnreachable,
    TooLarge,
    WrongType,
)
from safety.secrets.vault import VaultSettings, VaultStore

LARGEST_VALUE = 65536  # bytes


class SecretStore(Protocol):
    """Gives a tenant its own secrets and nobody else's."""

    def read(self, tenant_slug: str, path: str, key: str) -> str:
        """The value at `path`, or the field `key` of what is there. Raises SecretError."""


class EnvStore:
    """Variables of this process named `OPSC_SECRET_<TENANT>__<NAME>`, and no others.

    The tenant's slug is in capitals with `-` as `_`. Names with `__`, or with `_` at an end, are refused, as
    are slugs with `_` or capitals: two tenants could then mean the same variable.
    """

    _NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*", re.ASCII)
    _SLUG = re.compile(r"[a-z0-9-]+", re.ASCII)

    def read(self, tenant_slug: str, path: str, key: str) -> str:
        if not self._NAME.fullmatch(path) or not self._SLUG.fullmatch(tenant_slug):
            raise SecretForbidden(f"env:{path} cannot be told apart from another tenant's variable")
        if key:
            raise FieldMissing(f"env:{path}: a variable has no fields")
        name = f"OPSC_SECRET_{tenant_slug.upper().replace('-', '_')}__{path}"
        value = os.environ.get(name)
        if value is None:
            raise SecretMissing(f"env:{path}: the worker has no variable {name}")
        return value


class FileStore:
    """Files below `<root>/<tenant slug>/`, as an orchestrator mounts them; one newline at the end is dropped.

    Links are followed as long as they stay below that folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, tenant_slug: str, path: str, key: str) -> str:
        if key:
            raise FieldMissing(f"file:{path}: a file has no fields")
        raw = self._content(tenant_slug, path)
        if len(raw) > LARGEST_VALUE:
            raise TooLarge(f"file:{path} is larger than {LARGEST_VALUE} bytes")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise WrongType(f"file:{path} is not text in UTF-8") from None
        return text.removesuffix("\n").removesuffix("\r")

    def _content(self, tenant_slug: str, path: str) -> bytes:
        try:
            home = self._root.resolve(strict=True) / tenant_slug
            real = (home / path).resolve(strict=True)
            if ".." in Path(path).parts or not real.is_relative_to(home) or home.parent == home:
                raise SecretForbidden(f"file:{path} is outside of the tenant's folder")
            # O_NOFOLLOW: the path is resolved, so a link here was put in place just now.
            handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise WrongType(f"file:{path} is not a file")
                return file.read(LARGEST_VALUE + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise SecretMissing(f"file:{path} does not exist") from None
        except IsADirectoryError:
            raise WrongType(f"file:{path} is not a file") from None
        except RuntimeError:  # a loop of links
            raise SecretForbidden(f"file:{path} leads nowhere") from None
        except PermissionError:
            raise SecretForbidden(f"file:{path}: the worker may not read it") from None
        except OSError as error:
            raise StoreUnreachable(f"file:{path}: {error.strerror}") from None


def store(name: str) -> SecretStore:
    """The configured store of that name. Raises StoreUnknown."""
    known = _configured(settings.OPSC.get("SECRETS_DIR", ""), VaultSettings.from_environment())
    if name not in known:
        raise StoreUnknown(f"no secret store {name!r} here; configured: {', '.join(sorted(known))}")
    return known[name]


@cache
def _configured(secrets_dir: str, vault: VaultSettings | None) -> dict[str, SecretStore]:
    known: dict[str, SecretStore] = {"env": EnvStore()}
    if secrets_dir:
        known["file"] = FileStore(Path(secrets_dir))
    if vault is not None:
        known["vault"] = VaultStore(vault)
    return known
