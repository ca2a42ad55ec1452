"""Secrets that this machine has by itself: variables and mounted files."""

import os
import re
import stat
from pathlib import Path

from safety.secrets.errors import (
    NoVersions,
    SecretForbidden,
    SecretMissing,
    StoreUnreachable,
    TooLarge,
    WrongType,
)
from safety.secrets.found import LARGEST_VALUE, Found, Wanted
from safety.secrets.policy import PathPolicy, own_slug


class EnvStore:
    """Variables of this process named `OPSC_SECRET_<TENANT>__<NAME>`, and no others.

    The tenant's slug is in capitals with `-` as `_`. Names with `__`, or with `_` at an end, are refused, as
    are slugs with `_` or capitals: two tenants could then mean the same variable.
    """

    _NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*", re.ASCII)
    _SLUG = re.compile(r"[a-z0-9-]+", re.ASCII)

    def read(self, wanted: Wanted) -> Found:
        tenant_slug, path = wanted.tenant_slug, wanted.path
        if not self._NAME.fullmatch(path) or not self._SLUG.fullmatch(tenant_slug):
            raise SecretForbidden(f"env:{path} cannot be told apart from another tenant's variable")
        _without_version(wanted)
        name = f"OPSC_SECRET_{tenant_slug.upper().replace('-', '_')}__{path}"
        value = os.environ.get(name)
        if value is None:
            raise SecretMissing(f"env:{path}: the worker has no variable {name}")
        return Found.text(value)


class FileStore:
    """Files below `<root>/<tenant slug>/`, as an orchestrator mounts them; one newline at the end is dropped.

    With a policy: files below `<root>/`, as far as the policy allows their path. Links are followed as long as
    they stay within the tenant's reach.
    """

    def __init__(self, root: Path, *, name: str = "file", policy: PathPolicy | None = None) -> None:
        self._root, self._name, self._policy = root, name, policy

    def read(self, wanted: Wanted) -> Found:
        path = wanted.path
        _without_version(wanted)
        raw = self._content(wanted.tenant_slug, path)
        if len(raw) > LARGEST_VALUE:
            raise TooLarge(f"{self._name}:{path} is larger than {LARGEST_VALUE} bytes")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise WrongType(f"{self._name}:{path} is not text in UTF-8") from None
        return Found.text(text.removesuffix("\n").removesuffix("\r"))

    def _content(self, tenant_slug: str, path: str) -> bytes:
        try:
            real = self._real(tenant_slug, path)
            # O_NOFOLLOW: the path is resolved, so a link here was put in place just now.
            handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise WrongType(f"{self._name}:{path} is not a file")
                return file.read(LARGEST_VALUE + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise SecretMissing(f"{self._name}:{path} does not exist") from None
        except IsADirectoryError:
            raise WrongType(f"{self._name}:{path} is not a file") from None
        except RuntimeError:  # a loop of links
            raise SecretForbidden(f"{self._name}:{path} leads nowhere") from None
        except PermissionError:
            raise SecretForbidden(f"{self._name}:{path}: the worker may not read it") from None
        except OSError as error:
            raise StoreUnreachable(f"{self._name}:{path}: {error.strerror}") from None

    def _real(self, tenant_slug: str, path: str) -> Path:
        """The file behind all links. Raises SecretForbidden when it is not the tenant's."""
        root = self._root.resolve(strict=True)
        if self._policy is not None:
            self._policy.require(tenant_slug, path, store=self._name)
        home = root / own_slug(tenant_slug) if self._policy is None else root
        real = (home / path).resolve(strict=True)
        if ".." in Path(path).parts or not real.is_relative_to(home):
            raise SecretForbidden(f"{self._name}:{path} is outside of the tenant's folder")
        if self._policy is not None and not self._is_allowed(tenant_slug, real.relative_to(root)):
            raise SecretForbidden(f"{self._name}:{path} leads to a file that is not this tenant's")
        return real

    def _is_allowed(self, tenant_slug: str, inside: Path) -> bool:
        """Whether a link's end is within reach; parts such as Kubernetes' `..data` are left out of the question."""
        parts = [part for part in inside.parts if not part.startswith("..")]
        try:
            if self._policy is not None:
                self._policy.require(tenant_slug, "/".join(parts), store=self._name)
        except SecretForbidden:
            return False
        return True


def _without_version(wanted: Wanted) -> None:
    if wanted.reference.version:
        raise NoVersions(f"{wanted.reference}: this store keeps no versions; leave out ?version=")
