"""Links that sign one person in, once, within ten minutes."""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User
from django.core import signing
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac

VALID_FOR: Final = timedelta(minutes=10)
METHOD: Final = "one-time link"
_SALT: Final = "opsconductor.one-time-sign-in"


def issue(user: User) -> str:
    """A token that signs this user in. It is void after any sign-in and after a change of the password."""
    last = user.last_login.isoformat() if user.last_login else ""
    return signing.dumps([user.pk, last, _password_mark(user)], salt=_SALT)


def redeem(token: str) -> User | None:
    """The user whom the token signs in; None when it is forged, old, used, or the account is not an active person's.

    Of several that redeem one token at the same moment, the database lets one set the time of the sign-in.
    """
    try:
        user_id, last, password_mark = signing.loads(token, salt=_SALT, max_age=VALID_FOR)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=user_id, is_active=True, service_account=None).first()
    if user is None or not constant_time_compare(password_mark, _password_mark(user)):
        return None
    seen = datetime.fromisoformat(last) if last else None
    unused = User.objects.filter(pk=user_id, is_active=True, last_login=seen)
    return user if unused.update(last_login=Now()) == 1 else None


def _password_mark(user: User) -> str:
    return salted_hmac(_SALT, user.password).hexdigest()[:16]
