"""The one door for passwords: count the try, compare, put on record."""

from dataclasses import dataclass
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest

from safety.signin import throttle
from safety.signin.records import What, record, tell
from safety.signin.throttle import KINDS, Lock, Try
from safety.tokens.accounts import SIGNS_IN_NOWHERE, is_service_account

PASSWORD = "password"  # noqa: S105  a method, no password
PASSWORDS_OFF = "Passwords are turned off here. Sign in by single sign-on, or with a one-time link."


@dataclass(frozen=True)
class Answer:
    """Who it is; or nobody, perhaps because nobody looked."""

    user: User | None = None
    lock: Lock | None = None


def passwords_are_on() -> bool:
    """Whether anybody may sign in by password, and so whether there is a point in having one."""
    return bool(settings.OPSC["PASSWORDS"])


def client_address(request: HttpRequest) -> str | None:
    """Where the request comes from; uvicorn has put a trusted proxy's word for it there."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a socket without addresses, or a proxy that says no address
        return None
    return str(address).partition("%")[0]


def by_password(request: HttpRequest, name: str, password: str) -> Answer:
    """Whose name and password these are. As long and as silent for a name that nobody has.

    Nobody's while passwords are turned off: then nobody looks at it, and nothing is counted.
    """
    address = client_address(request)
    if not passwords_are_on():
        tell(What.REFUSED, method=PASSWORD, detail="passwords are turned off", address=address)
        return Answer()
    known = User.objects.filter(username=name).first()
    attempt = Try(name, address, known.pk if known else None)
    lock = throttle.count(attempt)
    if lock is not None:
        _refused(known, f"locked by {KINDS[lock.kind]}", address, is_kept=lock.is_new, what=What.LOCKED)
        return Answer(lock=lock)
    found = authenticate(request, username=name, password=password)
    if not isinstance(found, User):
        _refused(known, "name and password do not match", address)
        return Answer()
    if is_service_account(found):  # somebody gave it a password
        _refused(found, SIGNS_IN_NOWHERE, address)
        return Answer()
    throttle.succeeded(attempt)
    return Answer(user=found)


def _refused(
    known: User | None, why: str, address: str | None, *, is_kept: bool = True, what: What = What.REFUSED
) -> None:
    """On record where the account exists, but no row for each try against a closed door."""
    if known is not None and is_kept:
        record(known, what, method=PASSWORD, detail=why, address=address)
    else:
        tell(what, name=known.get_username() if known else "", method=PASSWORD, detail=why, address=address)
