"""The second wall between tenants: in a request that only looks, the database itself hides rows of other tenants.

The policies of row-level security read the setting `opsc.tenants` of the connection: ids as an array. Where it is not
set they let everything pass, as workers, commands and requests that act need it. They bind only an account that
neither owns the tables nor is a superuser.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import Error, connection
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from safety.sql import fetch_one
from safety.visibility import tenants_visible_to

OPEN = ""
_LOOKS = ("GET", "HEAD")
_standing: ContextVar[str] = ContextVar("opsc_wall", default=OPEN)


def stand(user: User | AnonymousUser) -> None:
    """From now on this connection reads rows of the tenants that the person may see; all of them for a superuser."""
    if not user.is_superuser:
        _set("{" + ",".join(map(str, tenants_visible_to(user))) + "}")


def fall() -> None:
    """The connection reads everything again. One that cannot be told so is closed."""
    if _standing.get() == OPEN:
        return
    try:
        _set(OPEN)
    except Error:
        _standing.set(OPEN)
        connection.close()


@contextmanager
def lowered() -> Iterator[None]:
    """For what has to be done over all tenants whoever asks, such as sealing: without the wall."""
    stood = _standing.get()
    if stood == OPEN:
        yield
        return
    _set(OPEN)
    try:
        yield
    finally:
        _set(stood)


def stands() -> bool:
    """Whether the policies bind the database account in use."""
    row = fetch_one("SELECT row_security_active('opsc_execution') AS binds", {})
    return bool(row and row["binds"])


class WallMiddleware:
    """Raises the wall right before a page that only looks, and takes it down after it.

    What a streaming answer asks after that, and pages that are open to everybody, are not behind it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return self.get_response(request)
        finally:
            fall()

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> None:
        """Last of all, when it is known who asks, and that they may ask at all."""
        if request.method in _LOOKS and getattr(view, "login_required", True):
            stand(request.user)


def _set(tenants: str) -> None:
    _standing.set(tenants)
    _tell(connection, tenants)


def _tell(to: Any, tenants: str) -> None:
    with to.cursor() as cursor:
        cursor.execute("SELECT set_config('opsc.tenants', %s, false)", [tenants])


def _again(sender: Any, connection: Any, **_more: Any) -> None:
    """A connection that is made anew amidst a request is told, too."""
    del sender
    if _standing.get() != OPEN:
        _tell(connection, _standing.get())


connection_created.connect(_again, dispatch_uid="opsc_wall")
