"""Signing in by a certificate that a Vault server signs for one step."""

from collections.abc import Mapping
from typing import Any, Protocol

import asyncssh

from safety.secrets.caching import Caching
from safety.secrets.errors import ReferenceInvalid, StoreGarbled, StoreUnknown
from safety.secrets.found import Wanted
from safety.secrets.resolver import Resolver
from safety.secrets.stores import store
from safety.secrets.values import SecretRef, SecretValue
from safety.secrets.vault import VaultStore

KEY = "ssh_certificate"
DEFAULT_TTL_S, LONGEST_TTL_S = 300, 3600
_FORM = (
    'credentials: write {"ssh_certificate": {"signed_by": "vault:acme/ssh/sign/<role>"}}, '
    f'if need be with "principal" and "ttl_s" (1 to {LONGEST_TTL_S})'
)


class SigningIn(Protocol):
    """For whom a certificate is: a step, or a person's look at its target."""

    @property
    def tenant_id(self) -> int: ...
    @property
    def tenant_slug(self) -> str: ...
    @property
    def username(self) -> str: ...


def with_certificate(
    resolver: Resolver, credentials: Mapping[str, Any], step: SigningIn
) -> Mapping[str, Any]:
    """The credentials with `private_key` and `certificate` in the place of `ssh_certificate`; else as they are.

    The key pair is made here, in memory, for this attempt, and wiped with the step's secrets. The certificate
    is for one principal (the asset's user name unless another is given) and some minutes: long enough to sign
    in, and to sign in again after a short break of the line. Raises SecretError.
    """
    asked = credentials.get(KEY)
    if asked is None:
        return credentials
    reference, principal, ttl_s = _read(asked, step.username)
    key = asyncssh.generate_private_key("ssh-ed25519")
    private = SecretValue(key.export_private_key().decode())
    resolver.keep(SecretRef(reference.store, reference.path, "private_key"), private)
    signed = _signer(reference, step.tenant_id).sign_ssh(
        Wanted(step.tenant_slug, reference),
        public_key=key.export_public_key().decode().strip(),
        principal=principal,
        ttl_s=ttl_s,
    )
    _check(signed, key, principal, str(reference))
    others = {name: value for name, value in credentials.items() if name != KEY}
    return others | {"private_key": private, "certificate": signed}


def check_order(asked: Any) -> None:
    """Raises ReferenceInvalid unless it says in full what certificate is wanted."""
    _read(asked, "somebody")


def _read(asked: Any, username: str) -> tuple[SecretRef, str, int]:
    known = {"signed_by", "principal", "ttl_s"}
    if (
        not isinstance(asked, Mapping)
        or not asked.keys() <= known
        or not isinstance(asked.get("signed_by"), str)
    ):
        raise ReferenceInvalid(_FORM)
    reference = SecretRef.parse(asked["signed_by"])
    principal, ttl_s = asked.get("principal", username), asked.get("ttl_s", DEFAULT_TTL_S)
    if not isinstance(principal, str) or not principal or not isinstance(ttl_s, int):
        raise ReferenceInvalid(_FORM)
    if "," in principal or not 1 <= ttl_s <= LONGEST_TTL_S or reference.key or reference.version:
        raise ReferenceInvalid(_FORM)
    return reference, principal, ttl_s


def _signer(reference: SecretRef, tenant_id: int) -> VaultStore:
    found = store(reference.store, tenant_id)
    signer = found.store if isinstance(found, Caching) else found
    if not isinstance(signer, VaultStore):
        raise StoreUnknown(f"{reference}: only a Vault store signs certificates")
    return signer


def _check(signed: str, key: asyncssh.SSHKey, principal: str, where: str) -> None:
    """That the server signed this key for this principal, and nothing else."""
    try:
        certificate = asyncssh.import_certificate(signed)
    except (asyncssh.KeyImportError, ValueError):
        raise StoreGarbled(f"{where}: the server did not answer with a certificate") from None
    if certificate.key.public_data != key.public_data or getattr(certificate, "principals", None) != [
        principal
    ]:
        raise StoreGarbled(f"{where}: the certificate is for another key or principal than asked")
