"""How to sign in to one target over SSH: whom to trust, with what, and what a refusal means."""

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any

import asyncssh
from django.conf import settings

from executions.connectors.arguments import revealed
from executions.connectors.base import Target
from executions.jobdir import CannotConnect
from safety.secrets.credentials import REMEDY

KEEPALIVE_S, KEEPALIVE_MISSES = 5, 3
_SHA1 = "ssh-rsa"
_KEY_TYPES = ("ssh-", "ecdsa-", "sk-")
_NEVER_PLAIN = ("private_key", "passphrase", "password")
_DIGEST_KEY = os.urandom(32)


@dataclass(frozen=True)
class SignIn:
    """All that a connection depends on; equal ones may share one. `digest` stands for the secrets."""

    where: tuple[str, ...]  # asset id, address, port, user
    digest: bytes
    target: Target = field(repr=False, compare=False)

    @classmethod
    def of(cls, target: Target) -> "SignIn":
        """Raises CannotConnect when the target carries no host keys, no credentials, or plain values."""
        if not target.host_keys.strip():
            raise _host_key_problem(
                f"{target.name} has no host keys, so nobody can tell whether it is the right machine: run "
                f"`ssh-keyscan -p {target.port} {target.address}`, compare with the machine's own keys, "
                "and put the lines into the asset's host keys"
            )
        if not any(_secret(target, name) for name in ("private_key", "password")):
            raise _auth_problem(
                f"{target.name}: its credentials hold neither `private_key`, `password` nor `ssh_certificate`"
            )
        secret = hashlib.blake2b(target.host_keys.encode(), key=_DIGEST_KEY)
        for name in ("private_key", "passphrase", "password", "certificate"):
            secret.update(b"\0" + _secret(target, name).encode())
        return cls(location(target), secret.digest(), target)

    async def connect(self) -> asyncssh.SSHClientConnection:
        """Sign in. Raises CannotConnect: nothing was sent beyond what signing in takes."""
        target = self.target
        where = f"{target.name} ({target.address}:{target.port})"
        phases = _Phases()
        options = self._options(phases)
        try:
            async with asyncio.timeout(settings.OPSC["CONNECT_S"]) as phases.limit:
                port = target.port or 22
                return await asyncssh.connect(target.address, port, config=None, options=options)
        except TimeoutError as error:
            if not phases.over:  # the system's own limit
                raise CannotConnect(f"{where}: {error}", category="unreachable", transient=True) from error
            raise CannotConnect(
                f"{where}: {phases.over}", category=phases.category, transient=True
            ) from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise _host_key_problem(
                f"{where}: the machine shows a host key that the asset does not list; "
                "nothing secret was sent. If it was changed on purpose, put the new one into the asset's host keys"
            ) from error
        except asyncssh.PermissionDenied as error:
            raise _auth_problem(f"{where}: sign-in as {target.username!r} was refused") from error
        except asyncssh.KeyExchangeFailed as error:
            reason = f"{where}: no common algorithms, or no listed host key of a kind it has: {error.reason}"
            raise CannotConnect(reason, category="host_key", transient=False) from error
        except (OSError, asyncssh.Error) as error:
            why = str(error) or type(error).__name__
            raise CannotConnect(f"{where}: {why}", category="unreachable", transient=True) from error

    def _options(self, phases: "_Phases") -> asyncssh.SSHClientConnectionOptions:
        target = self.target
        try:
            known = asyncssh.import_known_hosts(_with_patterns(target.host_keys))
            key = _secret(target, "private_key")
            passphrase = _secret(target, "passphrase") or None
            keys = [_with_certificate(asyncssh.import_private_key(key, passphrase), target)] if key else None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise _auth_problem(f"{target.name}: its private key cannot be read: {error}") from error
        except ValueError as error:
            raise _host_key_problem(f"{target.name}: its host keys cannot be read: {error}") from error
        return asyncssh.SSHClientConnectionOptions(
            config=None,
            username=target.username,
            known_hosts=known,
            server_host_key_algs=_host_key_algorithms(known, target),
            signature_algs=f"-{_SHA1}",
            client_keys=keys,
            password=_secret(target, "password") or None,
            preferred_auth="publickey,keyboard-interactive,password",
            agent_path=None,
            client_host_keysign=False,
            gss_host=None,
            client_factory=lambda: phases,
            connect_timeout=None,  # both are the phases' matter
            login_timeout=0,
            keepalive_interval=KEEPALIVE_S,
            keepalive_count_max=KEEPALIVE_MISSES,
        )


class _Phases(asyncssh.SSHClient):
    """Follows a sign-in, and starts the second limit once the connection stands."""

    limit: asyncio.Timeout

    def __init__(self) -> None:
        self._connection: asyncssh.SSHClientConnection | None = None
        self._authenticating = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn
        self.limit.reschedule(asyncio.get_running_loop().time() + settings.OPSC["SIGN_IN_S"])

    def begin_auth(self, username: str) -> None:  # noqa: ARG002
        self._authenticating = True

    @property
    def category(self) -> str:
        """The stable word for where it hung."""
        return "sign_in_timeout" if self._connection else "connect_timeout"

    @property
    def over(self) -> str:
        """What there was not in time; empty when no limit of ours was reached."""
        if not self.limit.expired():
            return ""
        if self._connection is None:
            return f"no connection within {settings.OPSC['CONNECT_S']:g} s (OPSC_CONNECT_S)"
        greeting: Any = self._connection.get_extra_info("server_version")
        lacking = "no greeting" if not greeting else "no end of the key exchange"
        lacking = "no answer to the authentication" if self._authenticating else lacking
        return f"{lacking} within {settings.OPSC['SIGN_IN_S']:g} s of connecting (OPSC_SIGN_IN_S)"


def location(target: Target) -> tuple[str, ...]:
    """What identifies the account on the machine, without anything secret."""
    return str(target.asset_id), target.address, str(target.port), target.username


def _secret(target: Target, name: str) -> str:
    value = target.credentials.get(name)
    if not value:
        return ""
    if isinstance(value, str) and name in _NEVER_PLAIN:
        raise _auth_problem(f"{target.name}: its credentials hold `{name}` as a value: {REMEDY}")
    return revealed(value, f"credentials.{name}")


def _with_certificate(key: asyncssh.SSHKey, target: Target) -> Any:
    """The key alone, or with the certificate that was signed for it."""
    signed = _secret(target, "certificate")
    return (key, asyncssh.import_certificate(signed)) if signed else key


def _with_patterns(host_keys: str) -> str:
    """Lines that are bare keys hold for this machine under whatever name."""
    lines = (line.strip() for line in host_keys.splitlines())
    return "\n".join(f"* {line}" if line.startswith(_KEY_TYPES) else line for line in lines)


def _host_key_algorithms(known: asyncssh.SSHKnownHosts, target: Target) -> list[str] | str:
    """Ask for the kinds of keys that we can check, never for SHA-1 signatures."""
    keys, authorities, *_ = known.match(target.address, "", target.port)
    if not keys or authorities:
        return f"-{_SHA1}"
    names = (name.decode() for key in keys for name in key.sig_algorithms)
    return [name for name in dict.fromkeys(names) if name != _SHA1]


def _host_key_problem(message: str) -> CannotConnect:
    return CannotConnect(message, category="host_key", transient=False)


def _auth_problem(message: str) -> CannotConnect:
    return CannotConnect(message, category="auth", transient=False)
