"""The door for programs: whose token this is, whether it is good here and now, and the record of it."""

import hmac
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Final, LiteralString

from django.contrib.auth.models import User

from safety.signin import throttle
from safety.signin.records import What, record, tell
from safety.sql import Row, fetch, fetch_one
from safety.tokens.bearing import Bearing
from safety.tokens.values import digest_of, prefix_of

METHOD: Final = "API token"
UNKNOWN: Final = "unknown or wrong"
IN_THE_ADDRESS: Final = "sent in the address of a request, where others may have read it: revoke it"
# What an unknown token is compared with, so that it takes as long as a known one.
_NOBODYS: Final = digest_of("")

_LOOK: LiteralString = """
SELECT t.id, t.digest, t.name, t.prefix, t.user_id, t.tenant_id, t.scopes, t.networks,
       t.revoked_at IS NOT NULL AS is_revoked, t.expires_at <= statement_timestamp() AS is_over, u.is_active,
       EXISTS (SELECT FROM opsc_membership m WHERE m.user_id = t.user_id AND m.tenant_id = t.tenant_id
               AND (m.ends_at IS NULL OR m.ends_at > statement_timestamp())) AS is_member,
       coalesce(t.last_used_at < statement_timestamp() - interval '1 minute', true) AS is_used_anew
FROM opsc_api_token t JOIN auth_user u ON u.id = t.user_id WHERE t.prefix = %(prefix)s
"""

_USED: LiteralString = """
UPDATE opsc_api_token SET last_used_at = statement_timestamp(), last_used_from = %(address)s::inet
WHERE id = %(id)s AND coalesce(last_used_at < statement_timestamp() - interval '1 minute', true)
"""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A token that somebody came with, and whose it is."""

    name: str
    prefix: str
    person: str
    tenant_id: int


class TurnedAway(Exception):
    """This token opens nothing here and now.

    code: `invalid` (nobody says more of a wrong one), `revoked`, `expired`, `network` or `person`. known: whose it
    is, where the value was right and this is to go on record. wait_s: after too many wrong ones; 0 otherwise.
    """

    def __init__(self, code: str, sentence: str, *, known: Known | None = None, wait_s: int = 0) -> None:
        super().__init__(sentence)
        self.code, self.known, self.wait_s = code, known, wait_s


def enter(value: str, *, address: str | None) -> User:
    """The person whose token this is, with it as their `bearing`, and without the powers of a superuser.

    Wrong ones are counted by address. A right one is looked at whatever the count: a stranger locks nobody out.

    Raises TurnedAway.
    """
    row = _found(value)
    if row is None:
        raise _wrong(address)
    code, objection = _objection(row, address)
    if code:
        raise TurnedAway(code, objection, known=_refused(row, objection, address))
    if row["is_used_anew"]:
        fetch(_USED, {"id": row["id"], "address": address})
    user = User.objects.get(pk=row["user_id"])
    user.is_superuser = user.is_staff = False
    names = ("id", "name", "prefix", "tenant_id")
    bearing = Bearing(scopes=tuple(row["scopes"]), **{name: row[name] for name in names})
    user.bearing = bearing  # type: ignore[attr-defined]
    return user


def exposed(value: str, *, address: str | None) -> Known | None:
    """A token came where it must not; whose it is, where that is to go on record."""
    row = _found(value)
    return _refused(row, IN_THE_ADDRESS, address) if row else None


def _found(value: str) -> Row | None:
    """The token of exactly this value. As much work for a prefix that nobody has, or for no token at all."""
    row = fetch_one(_LOOK, {"prefix": prefix_of(value)})
    is_right = hmac.compare_digest(row["digest"] if row else _NOBODYS, digest_of(value))
    return row if row and is_right else None


def _objection(row: Row, address: str | None) -> tuple[str, str]:
    if row["is_revoked"]:
        return "revoked", "This token was revoked."
    if row["is_over"]:
        return "expired", "This token has expired."
    if row["networks"] and not is_within(address, row["networks"]):
        return "network", "This token may not be used from this address."
    if not row["is_active"]:
        return "person", "The account of this token is deactivated."
    if not row["is_member"]:
        return "person", "The account of this token is no member of its tenant any more."
    return "", ""


def is_within(address: str | None, networks: list[str]) -> bool:
    """Whether the address lies in one of the networks; one that nobody knows lies in none."""
    if not address:
        return False
    here: Any = ip_address(address)
    here = getattr(here, "ipv4_mapped", None) or here
    return any(here in ip_network(network) for network in networks)


def _wrong(address: str | None) -> TurnedAway:
    """A log line only: whose prefix it is says nothing about who sent it."""
    lock = throttle.count_token(address)
    tell(
        What.LOCKED if lock and lock.is_new else What.REFUSED, method=METHOD, detail=UNKNOWN, address=address
    )
    if lock is not None:
        return TurnedAway("too_many", "Too many wrong tokens came from this address.", wait_s=lock.seconds)
    return TurnedAway("invalid", "There is no such token.")


def _refused(row: Row, why: str, address: str | None) -> Known | None:
    """On record with the person; None once there is enough of the same from this address."""
    user = User.objects.get(pk=row["user_id"])
    detail = f"{row['name']} (opsc_{row['prefix']}_…): {why}"
    if throttle.count_token(address) is not None:
        tell(What.REFUSED, name=user.get_username(), method=METHOD, detail=detail, address=address)
        return None
    record(user, What.REFUSED, method=METHOD, detail=detail, address=address)
    return Known(
        name=row["name"], prefix=row["prefix"], person=user.get_username(), tenant_id=row["tenant_id"]
    )
