"""What happens at the door, on record and in the log."""

import logging

from django.contrib.auth.models import User

from safety.signin.models import SignInRecord

What = SignInRecord.What
_ORDINARY = (What.SIGNED_IN, What.LIFTED, What.TOKEN_MADE, What.TOKEN_REVOKED)
_log = logging.getLogger(__name__)


def record(
    user: User,
    what: SignInRecord.What,
    *,
    method: str = "",
    detail: str = "",
    address: str | None = None,
    by: User | None = None,
) -> None:
    """Keep what happened to the account, and say it in the log."""
    SignInRecord.objects.create(
        user_id=user.pk,
        name=user.get_username(),
        what=what,
        method=method,
        detail=detail[:300],
        address=address,
        by_id=by.pk if by else None,
    )
    tell(what, name=user.get_username(), method=method, detail=detail, address=address)


def tell(
    what: SignInRecord.What, *, name: str = "", method: str = "", detail: str = "", address: str | None = None
) -> None:
    """A log line only. No name where there is no such account: people type passwords into the wrong field."""
    level = logging.INFO if what in _ORDINARY else logging.WARNING
    fields = {"account": name, "method": method, "detail": detail, "address": address}
    _log.log(level, "sign-in: %s", what.label, extra={key: value for key, value in fields.items() if value})
