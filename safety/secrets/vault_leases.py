"""Secrets that a Vault server makes for one step and takes back after it."""

import logging
from dataclasses import dataclass
from typing import Any

from safety.secrets.errors import LeaseTooShort, SecretError, StoreGarbled
from safety.secrets.found import Found, Wanted
from safety.secrets.vault_session import VaultSession

logger = logging.getLogger(__name__)

# Of what an engine lends, the account's name is no secret: `v-approle-web-…` is what the target's logs show.
OPEN_FIELDS = frozenset({"username"})


@dataclass(frozen=True)
class VaultLease:
    """An account that the server made, such as a database user. The id is a name, not a secret."""

    session: VaultSession
    lease_id: str
    where: str

    def revoke(self) -> None:
        """End it at the server, at once and not in the background. Raises SecretError."""
        body = {"lease_id": self.lease_id, "sync": True}
        self.session.ask("put", "sys/leases/revoke", f"{self.where} (lease {self.lease_id})", body=body)

    def extended(self, seconds: float) -> float:
        """Ask for so many seconds from now. Returns: how many it got. Raises SecretError."""
        body = {"lease_id": self.lease_id, "increment": int(seconds) + 1}
        return float(self.session.ask("put", "sys/leases/renew", self.where, body=body)["lease_duration"])


def lend(session: VaultSession, wanted: Wanted) -> Found:
    """What the engine makes for us, held for at least `wanted.lasting_s`; nothing stays lent when this raises.

    A lease that is shorter than the step may take is extended once, here, so that none can end half-way.
    """
    where = str(wanted.reference)
    answer = session.ask("get", wanted.path, where)
    lease_id, fields = answer.get("lease_id"), answer.get("data")
    if not isinstance(lease_id, str) or not lease_id or not isinstance(fields, dict):
        raise StoreGarbled(f"{where}: what is there is not lent, so it could not be taken back")
    lease = VaultLease(session, lease_id, where)
    try:
        _hold_long_enough(lease, answer, wanted.lasting_s)
        return Found.of(fields, lease=lease, is_open=OPEN_FIELDS)
    except BaseException:
        give_back(lease)
        raise


def _hold_long_enough(lease: VaultLease, answer: dict[str, Any], needed_s: float) -> None:
    held_s = float(answer["lease_duration"])
    if held_s < needed_s and answer.get("renewable"):
        held_s = lease.extended(needed_s)
    if held_s < needed_s:
        raise LeaseTooShort(
            f"{lease.where} is lent for {held_s:.0f} s and the step may take {needed_s:.0f} s; "
            "raise the role's max_ttl or lower the step's timeout"
        )


def give_back(lease: VaultLease) -> None:
    """Revoke without raising; what could not be revoked is in the log, and ends by itself at the server."""
    try:
        lease.revoke()
    except SecretError as error:
        logger.warning("not revoked, it ends by itself: %s", error)
