"""Lifting a lock before it ends by itself, on record."""

from typing import Any

from django.contrib.auth.models import User

from safety.masking.typed import words_of
from safety.signin import throttle
from safety.signin.models import SignInCount
from safety.signin.records import What, record, tell


def lift_account(user: User, *, by: User | None, reason: str) -> int:
    """Forget every count of this account; how many there were."""
    lifted = throttle.lift(name=user.get_username())
    if lifted:
        record(user, What.LIFTED, detail=words_of(reason), by=by)
    return lifted


def lift_address(address: str, *, by: User, reason: str) -> int:
    """Forget every count of this address. Raises ValueError when it is none."""
    lifted = throttle.lift(address=address)
    if lifted:
        tell(What.LIFTED, name=f"(by {by.get_username()})", detail=words_of(reason), address=address)
    return lifted


def lift_row(row: SignInCount, *, by: Any, reason: str) -> None:
    """Forget one count."""
    row.delete()
    user = User.objects.filter(pk=row.user_id or 0).first()
    if user is not None:
        record(user, What.LIFTED, detail=words_of(reason), by=by)
    else:
        tell(What.LIFTED, name=f"(by {by.get_username()})", detail=words_of(reason), address=row.address)
