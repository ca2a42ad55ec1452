"""How often somebody may try: counted in the database, before the try, so that all web processes share it.

Three counts. One account from one address: few tries. One address: many, for it may be a whole office. One account
from everywhere: more tries in an hour, and not for addresses from which the person got in lately. So a stranger can
lock nobody out of where they usually are, and each lock ends by itself.
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final, LiteralString

from django.conf import settings
from django.utils.crypto import salted_hmac

from safety.signin.models import SignInCount, SignInRecord
from safety.sql import fetch, fetch_one

HERE: Final = "here"  # one account from one address
ADDRESS: Final = "address"
ACCOUNT: Final = "account"
CODE: Final = "code"  # second factor of one account; only who knows its password comes that far
PROGRAM: Final = "program"  # API tokens from one address; it locks out wrong ones only
KINDS: Final = {
    HERE: "account and address",
    ADDRESS: "address",
    ACCOUNT: "account",
    CODE: "code",
    PROGRAM: "API token",
}
ACCOUNT_WINDOW_S: Final = 3600
KNOWN_FOR: Final = timedelta(days=30)

_COUNT: LiteralString = """
INSERT INTO opsc_sign_in_count AS c (kind, account, address, user_id, tries, ends_at)
VALUES (%(kind)s, %(account)s, %(address)s, %(user)s::bigint, 1,
        statement_timestamp() + make_interval(secs => %(window)s))
ON CONFLICT (kind, account, address) DO UPDATE SET
    user_id = coalesce(EXCLUDED.user_id, c.user_id),
    tries = CASE WHEN c.ends_at <= statement_timestamp() THEN 1 ELSE least(c.tries + 1, 1000000) END,
    ends_at = CASE WHEN c.ends_at <= statement_timestamp() THEN EXCLUDED.ends_at
                   WHEN c.tries + 1 = %(limit)s THEN statement_timestamp() + make_interval(secs => %(lock)s)
                   ELSE c.ends_at END
RETURNING tries, ceil(extract(epoch FROM ends_at - statement_timestamp()))::int AS seconds
"""

_GIVE_BACK: LiteralString = """
UPDATE opsc_sign_in_count SET tries = greatest(tries - 1, 0)
WHERE kind = %(kind)s AND account = %(account)s AND address = %(address)s
"""

_FORGET_OLD: LiteralString = """
DELETE FROM opsc_sign_in_count WHERE id IN (
    SELECT id FROM opsc_sign_in_count WHERE ends_at <= statement_timestamp() LIMIT 100 FOR UPDATE SKIP LOCKED
)
"""

_KNOWN: LiteralString = """
SELECT 1 AS known FROM opsc_sign_in WHERE user_id = %(user)s AND address <<= nullif(%(place)s, '')::inet
   AND what = %(what)s AND at > statement_timestamp() - make_interval(secs => %(lasts)s) LIMIT 1
"""


@dataclass(frozen=True)
class Try:
    """One try: of which account, from where, and whose account it is, if anybody's."""

    name: str
    address: str | None
    user_id: int | None


@dataclass(frozen=True)
class Count:
    """What is counted, and when it is too much."""

    kind: str
    account: str
    address: str
    limit: int
    window_s: float


@dataclass(frozen=True)
class Lock:
    """Why nobody looks at this try, and for how long."""

    kind: str
    seconds: int
    is_new: bool


def account_key(name: str) -> str:
    """The name under which tries are counted; names that differ in capitals only are counted together."""
    return salted_hmac("opsconductor.sign-in", name.casefold(), algorithm="sha256").hexdigest()


def place(address: str | None) -> str:
    """The address as it is counted: a network of IPv6 is one customer's, so its /64 counts as one."""
    if not address:
        return ""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def count(attempt: Try) -> Lock | None:
    """Count this try before anything is compared; the lock that stands in its way, if one does."""
    fetch(_FORGET_OLD)
    for one in _counts(attempt):
        lock = _charge(one, attempt.user_id if one.account else None)
        if lock is not None:
            return lock
    return None


def count_code(name: str, user_id: int) -> Lock | None:
    """Count this code before it is compared; the lock that stands in its way, if one does."""
    return _charge(_codes(name), user_id)


def code_succeeded(name: str) -> None:
    """Forget the wrong codes of this account."""
    one = _codes(name)
    SignInCount.objects.filter(kind=one.kind, account=one.account, address=one.address).delete()


def count_token(address: str | None) -> Lock | None:
    """Count a token that was turned away; the lock when there were too many from this address."""
    fetch(_FORGET_OLD)
    limit, lock_s = settings.OPSC["LOGIN_ADDRESS_TRIES"], settings.OPSC["LOGIN_LOCK_S"]
    return _charge(Count(PROGRAM, "", place(address), limit, lock_s), None)


def succeeded(attempt: Try) -> None:
    """Take the try back: it was the right person. Other tries of the account or address still count."""
    for one in _counts(attempt):
        if one.kind == HERE:
            SignInCount.objects.filter(kind=one.kind, account=one.account, address=one.address).delete()
        else:
            fetch(_GIVE_BACK, {"kind": one.kind, "account": one.account, "address": one.address})


def lift(*, name: str = "", address: str = "") -> int:
    """Forget the tries of this account, or from this address; how many counts were taken away."""
    wanted = {"account": account_key(name)} if name else {"address": place(address)}
    return SignInCount.objects.filter(**wanted).delete()[0]


def _codes(name: str) -> Count:
    limit, lock_s = settings.OPSC["LOGIN_TRIES"], settings.OPSC["LOGIN_LOCK_S"]
    return Count(CODE, account_key(name), "", limit, lock_s)


def _charge(one: Count, user_id: int | None) -> Lock | None:
    parameters = {
        "kind": one.kind,
        "account": one.account,
        "address": one.address,
        "user": user_id,
        "window": one.window_s,
        "limit": one.limit,
        "lock": settings.OPSC["LOGIN_LOCK_S"],
    }
    row = fetch_one(_COUNT, parameters)
    if row and row["tries"] > one.limit:
        return Lock(one.kind, max(row["seconds"], 1), row["tries"] == one.limit + 1)
    return None


def _counts(attempt: Try) -> list[Count]:
    account, address = account_key(attempt.name), place(attempt.address)
    lock_s = settings.OPSC["LOGIN_LOCK_S"]
    counts = [
        Count(ADDRESS, "", address, settings.OPSC["LOGIN_ADDRESS_TRIES"], lock_s),
        Count(HERE, account, address, settings.OPSC["LOGIN_TRIES"], lock_s),
    ]
    if not _is_known(attempt):
        limit = settings.OPSC["LOGIN_ACCOUNT_TRIES"]
        counts.append(Count(ACCOUNT, account, "", limit, max(ACCOUNT_WINDOW_S, lock_s)))
    return counts


def _is_known(attempt: Try) -> bool:
    """Whether the person got in from this very address lately. Asked for nobody, too: it takes as long."""
    parameters = {
        "user": attempt.user_id or 0,
        "place": place(attempt.address),
        "what": SignInRecord.What.SIGNED_IN,
        "lasts": KNOWN_FOR.total_seconds(),
    }
    return fetch_one(_KNOWN, parameters) is not None
