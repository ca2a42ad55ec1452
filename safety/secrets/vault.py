"""Secrets in Vault or OpenBao: the key-value engine, versions 1 and 2, and engines that lend."""

from dataclasses import dataclass, replace
from typing import Any

from safety.secrets.errors import NoVersions, SecretForbidden
from safety.secrets.found import Found, Wanted
from safety.secrets.policy import PathPolicy, own_slug, segments
from safety.secrets.vault_faults import in_our_words, object_in
from safety.secrets.vault_leases import lend
from safety.secrets.vault_session import VaultSession
from safety.secrets.vault_settings import VaultSettings
from safety.secrets.vault_versions import earlier

__all__ = ["Mount", "VaultSettings", "VaultStore"]

_KEY_VALUE = ("kv", "generic")
# They answer about others, or about everything.
_NEVER = ("system", "identity", "cubbyhole", "ns_system", "ns_identity", "ns_cubbyhole", "token", "ns_token")


@dataclass(frozen=True)
class Mount:
    """An engine at a path (with a slash at its end); `version` of a key-value engine."""

    path: str
    type: str
    version: int

    @property
    def is_key_value(self) -> bool:
        return self.type in _KEY_VALUE


class VaultStore:
    """Reads `vault:<mount>/<path>#<field>`, and `vault:<mount>/creds/<role>#<field>` of engines that lend.

    Without a policy, a tenant reaches `<key-value mount>/<its slug>/…` (the API's path, `<mount>/data/…`, works
    too) and lending engines whose mount begins with its slug. With one, what the policy allows.
    """

    def __init__(
        self, given: VaultSettings, *, name: str = "vault", policy: PathPolicy | None = None
    ) -> None:
        self.session = VaultSession(given, name=name)
        self._name, self._policy = name, policy
        self._mounts: dict[str, Mount] = {}

    def read(self, wanted: Wanted) -> Found:
        mount = self._reached(wanted)
        if mount.is_key_value:
            return self._key_value(wanted, mount)
        if wanted.reference.version:
            raise NoVersions(f"{wanted.reference}: only version 2 of the key-value engine keeps versions")
        self._require_engine(wanted, mount, "creds")
        return lend(self.session, wanted)

    def sign_ssh(self, wanted: Wanted, *, public_key: str, principal: str, ttl_s: int) -> str:
        """A user certificate for the key by `<mount>/sign/<role>`. Raises SecretError."""
        self._require_engine(wanted, self._reached(wanted), "sign")
        where = str(wanted.reference)
        body = {
            "public_key": public_key,
            "valid_principals": principal,
            "ttl": f"{ttl_s}s",
            "cert_type": "user",
        }
        answer = self.session.ask("put", wanted.path, where, body=body)
        return in_our_words(self._name, where, lambda: str(answer["data"]["signed_key"]))

    def _reached(self, wanted: Wanted) -> Mount:
        """The mount of a path that may be the tenant's; nothing is asked for one that cannot be."""
        if self._policy is not None:
            self._policy.require(wanted.tenant_slug, wanted.path, store=self._name)
        elif own_slug(wanted.tenant_slug) not in segments(wanted.path):
            raise self._foreign(wanted.path, f"<mount>/{wanted.tenant_slug}/")
        return self._mount(wanted.path)

    def _require_engine(self, wanted: Wanted, mount: Mount, verb: str) -> None:
        """That the path is `<mount>/<verb>/<role>` of an engine that is the tenant's. Raises SecretForbidden."""
        inside = wanted.path[len(mount.path) :].split("/")
        if mount.is_key_value or mount.type in _NEVER or len(inside) != 2 or inside[0] != verb:
            raise SecretForbidden(
                f"{self._name}:{wanted.path}: not a key-value mount, and not {verb}/<role> of another engine"
            )
        if self._policy is None and wanted.path.split("/")[0] != wanted.tenant_slug:
            raise self._foreign(wanted.path, f"{wanted.tenant_slug}/")

    def _mount(self, path: str) -> Mount:
        """The engine that the path lies in. Raises SecretError."""
        for mount in tuple(self._mounts.values()):
            if path.startswith(mount.path):
                return mount
        where = f"{self._name}:{path}"
        answer = self.session.ask("get", f"sys/internal/ui/mounts/{path}", where)
        return in_our_words(self._name, where, lambda: self._learnt(answer, path))

    def _learnt(self, answer: dict[str, Any], path: str) -> Mount:
        about = object_in(answer.get("data"), f"{self._name}:{path}")
        at = str(about.get("path", ""))
        if not at or not path.startswith(at):
            raise SecretForbidden(f"{self._name}:{path}: there is no such mount")
        options = about.get("options")
        version = 2 if isinstance(options, dict) and options.get("version") == "2" else 1
        mount = self._mounts[at] = Mount(at, str(about.get("type", "")), version)
        return mount

    def _key_value(self, wanted: Wanted, mount: Mount) -> Found:
        where, slug = str(wanted.reference), wanted.tenant_slug
        inside = wanted.path[len(mount.path) :]
        if self._policy is None:
            if mount.version == 2 and inside.startswith(f"data/{slug}/"):
                inside = inside.removeprefix("data/")
            if not inside.startswith(f"{slug}/"):
                raise self._foreign(wanted.path, f"{mount.path}{slug}/")
        if mount.version == 1:
            if wanted.reference.version:
                raise NoVersions(f"{where}: version 1 of the key-value engine keeps no versions")
            return Found.of(object_in(self.session.ask("get", mount.path + inside, where).get("data"), where))
        return self._of_a_version(f"{mount.path}data/{inside}", wanted)

    def _of_a_version(self, path: str, wanted: Wanted) -> Found:
        where, version = str(wanted.reference), wanted.reference.version

        def asked(number: int) -> dict[str, Any]:
            return self.session.ask("get", path, where, params={"version": number} if number else None)

        answer = asked(version)
        found = Found.of(object_in(object_in(answer.get("data"), where).get("data"), where))
        if version or not wanted.since_s:
            return found
        older, unread = earlier(answer, wanted.since_s, asked, where)
        return replace(found, earlier=older, unread=unread)

    def _foreign(self, path: str, reach: str) -> SecretForbidden:
        return SecretForbidden(f"{self._name}:{path}: only paths below {reach} are this tenant's")
