"""The second factor: time-based codes of an authenticator (RFC 6238), and recovery codes that stand in for it."""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, LiteralString

import pyotp
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from safety.choices import Permission
from safety.masking.typed import words_of
from safety.models import Delegation, Membership, TenantRole
from safety.signin import sessions, throttle
from safety.signin.models import RecoveryCode, SecondFactor
from safety.signin.records import What, record
from safety.signin.seal import seal, unseal
from safety.signin.throttle import Lock
from safety.sql import fetch_one

STEP_S: Final = 30
DRIFT: Final = (-1, 0, 1)  # steps by which a clock may be wrong
RECOVERY_CODES: Final = 10
CODE: Final = "code"
RECOVERY: Final = "recovery code"

_LOOK: LiteralString = """
SELECT sealed, extract(epoch FROM statement_timestamp())::float8 AS now FROM opsc_second_factor
WHERE user_id = %(user)s
"""

# Whoever comes second with the same code finds its step used.
_USE: LiteralString = """
UPDATE opsc_second_factor SET last_step = %(step)s, sealed = %(sealed)s
WHERE user_id = %(user)s AND last_step < %(step)s RETURNING user_id
"""

_NOW: LiteralString = "SELECT extract(epoch FROM statement_timestamp())::float8 AS now"


@dataclass(frozen=True)
class Answer:
    """With what the person has shown who they are; empty when they have not, perhaps because nobody looked."""

    method: str = ""
    lock: Lock | None = None


def is_set_up(user: User) -> bool:
    """Whether the account has a second factor."""
    return SecondFactor.objects.filter(user=user).exists()


# Power over others' runs, whatever the role is called.
_POWERFUL = [Permission.APPROVE.value, Permission.BREAK_GLASS.value, Permission.ADMINISTER.value]


def is_required(user: User) -> bool:
    """Whether the platform asks this person for one: nobody, whoever has power over others' runs, or everybody."""
    wanted = settings.OPSC["REQUIRE_SECOND_FACTOR"]
    if wanted != "approvers":
        return bool(wanted == "everybody")
    roles = TenantRole.objects.filter(permissions__overlap=_POWERFUL).values("name")
    powerful = Membership.objects.standing().filter(user=user, role__in=roles)
    lent = Delegation.objects.standing().filter(deputy=user)
    return user.is_staff or user.is_superuser or powerful.exists() or lent.exists()


def new_secret() -> str:
    """A secret for an authenticator, in the alphabet that it reads."""
    return pyotp.random_base32()


def address_of(secret: str, user: User) -> str:
    """What the square picture says to an authenticator."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name="OpsConductor")


def set_up(user: User, secret: str, code: str, *, address: str | None) -> list[str]:
    """Take this secret into use when the code comes from it; the recovery codes, empty when it does not.

    Whatever there was before is void.
    """
    now = fetch_now()
    step = _step_of(secret, code, now)
    if step is None:
        return []
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        values = {"sealed": seal(secret), "last_step": step}
        SecondFactor.objects.update_or_create(user=user, defaults=values)
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
        record(user, What.ENROLLED, address=address)
    return codes


def check(user: User, code: str, *, address: str | None) -> Answer:
    """Whether this is a code of the person's, not used before. Wrong ones are counted and shut the door."""
    lock = throttle.count_code(user.get_username(), user.pk)
    if lock is not None:
        if lock.is_new:
            record(user, What.LOCKED, method=CODE, detail="locked by code", address=address)
        return Answer(lock=lock)
    method = CODE if _uses_code(user, code) else RECOVERY if _uses_recovery_code(user, code) else ""
    if method:
        throttle.code_succeeded(user.get_username())
    else:
        record(user, What.REFUSED, method=CODE, detail="wrong or used code", address=address)
    return Answer(method=method)


def reset(user: User, *, by: User, reason: str) -> bool:
    """Take the second factor away and end the sessions. Returns: False where there was none; then nothing is done."""
    with transaction.atomic():
        had = SecondFactor.objects.filter(user=user).delete()[0] > 0
        if had:
            RecoveryCode.objects.filter(user=user).delete()
            sessions.end_all(user)
            record(user, What.RESET, detail=words_of(reason), by=by)
    return had


def fetch_now() -> float:
    """The database's clock, in seconds since 1970."""
    row = fetch_one(_NOW) or {}
    return float(row["now"])


def _uses_code(user: User, code: str) -> bool:
    row = fetch_one(_LOOK, {"user": user.pk})
    secret = unseal(row["sealed"]) if row else None
    step = _step_of(secret, code, row["now"]) if row and secret else None
    if secret is None or step is None:
        return False
    used = {"user": user.pk, "step": step, "sealed": seal(secret)}
    return fetch_one(_USE, used) is not None


def _step_of(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is, among those near now."""
    typed = "".join(code.split())
    generator = pyotp.TOTP(secret, interval=STEP_S)
    for drift in DRIFT:
        step = int(now // STEP_S) + drift
        if hmac.compare_digest(generator.generate_otp(step).encode(), typed.encode()):
            return step
    return None


def _uses_recovery_code(user: User, code: str) -> bool:
    return RecoveryCode.objects.filter(user=user, digest=_digest(code)).delete()[0] == 1


def _new_recovery_code() -> str:
    """80 random bits: too many to guess, so that a plain hash is enough."""
    digits = secrets.token_hex(10)
    return "-".join(digits[start : start + 5] for start in range(0, 20, 5))


def _digest(code: str) -> str:
    plain = "".join(code.lower().replace("-", "").split())
    return sha256(plain.encode()).hexdigest()
