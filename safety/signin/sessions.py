"""How long a session lasts: without activity, at all, and until its owner ends all of them.

By the database's clock. `signed_in_at` and `active_at` in the session are seconds since 1970.
"""

from typing import Any, Final, LiteralString

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save
from django.http import HttpRequest

from safety.signin.records import What, record
from safety.sql import fetch, fetch_one

SIGNED_IN_AT: Final = "signed_in_at"
PROVEN_AT: Final = "proven_at"  # when the person last showed who they are, perhaps to a provider, long before
ACTIVE_AT: Final = "active_at"
WHY_ENDED: Final = "why_ended"
SELDOM_S: Final = 60.0  # activity is written down no more often than this

IDLE: Final = "You were signed out, because nothing was done here for a while."
TOO_OLD: Final = "You were signed out, because that sign-in was too long ago."
ENDED: Final = "You were signed out everywhere."

_NOW: LiteralString = """
SELECT extract(epoch FROM statement_timestamp())::float8 AS now,
       (SELECT extract(epoch FROM at)::float8 FROM opsc_sessions_end WHERE user_id = %(user)s) AS ended_at
"""

_END: LiteralString = """
INSERT INTO opsc_sessions_end (user_id, at) VALUES (%(user)s, statement_timestamp())
ON CONFLICT (user_id) DO UPDATE SET at = EXCLUDED.at
"""


def connect() -> None:
    """Stamp each new session; end those of an account that is deactivated."""
    user_logged_in.connect(_begins, dispatch_uid="signin.begins")
    post_save.connect(_saved, sender=User, dispatch_uid="signin.saved")


def end_reason(request: HttpRequest) -> str:
    """Why the session of the person is over, as a sentence; empty while it lasts."""
    session = request.session
    row = _look(request.user.pk)
    signed_in_at, active_at = session.get(SIGNED_IN_AT), session.get(ACTIVE_AT)
    if signed_in_at is None or active_at is None or PROVEN_AT not in session:
        return TOO_OLD
    if row["ended_at"] is not None and signed_in_at <= row["ended_at"]:
        return ENDED
    if row["now"] - signed_in_at > settings.OPSC["SESSION_S"]:
        return TOO_OLD
    request.session_now = row["now"]  # type: ignore[attr-defined]  # for `be_active`, which asks no second time
    return IDLE if row["now"] - active_at > settings.OPSC["SESSION_IDLE_S"] else ""


def be_active(request: HttpRequest) -> None:
    """The person did something: the idle time begins anew."""
    now = getattr(request, "session_now", None)
    if now is None:
        return
    seldom = min(SELDOM_S, settings.OPSC["SESSION_IDLE_S"] / 10)
    if now - request.session[ACTIVE_AT] > seldom:
        request.session[ACTIVE_AT] = now


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person signed in so lately that they need not do it again for something that matters."""
    now = getattr(request, "session_now", None)
    return now is not None and now - request.session[PROVEN_AT] <= settings.OPSC["STEP_UP_S"]


def end_all(user: User) -> None:
    """End every session that this account has now."""
    fetch(_END, {"user": user.pk})


def end_everywhere(user: User, *, address: str | None) -> None:
    """End every session, as its owner wishes, on record."""
    end_all(user)
    record(user, What.ENDED, address=address)


def why_ended(request: HttpRequest) -> str:
    """What ended the session that the browser had before, said once."""
    return str(request.session.pop(WHY_ENDED, ""))


def _look(user_id: Any) -> dict[str, Any]:
    return fetch_one(_NOW, {"user": user_id}) or {}


def _begins(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    del sender
    now = _look(user.pk)["now"]
    request.session.update({SIGNED_IN_AT: now, PROVEN_AT: now, ACTIVE_AT: now})


def _saved(sender: Any, instance: User, created: bool, **_: Any) -> None:
    """A deactivated account that is activated again has to sign in again."""
    del sender
    if not instance.is_active and not created:
        end_all(instance)
