"""Earlier versions of a secret, which work that goes on by itself may still know: for the masker only."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, LiteralString

from safety.secrets.errors import SecretError, SecretMissing
from safety.secrets.found import Found
from safety.secrets.vault_faults import object_in
from safety.sql import fetch

CLOCKS_S = 60.0  # how far apart the clocks of the server and of the database may be
MOST = 10  # versions that are gone back

_NOW: LiteralString = "SELECT extract(epoch FROM statement_timestamp())::float AS now"


def earlier(
    newest: dict[str, Any], since_s: float, read: Callable[[int], dict[str, Any]], where: str
) -> tuple[tuple[Found, ...], str]:
    """The versions that were the newest at some moment of the last `since_s` seconds, and what could not be had.

    newest: the server's answer without a version; read: that to a version. Never raises SecretError; database errors as
    they are.
    """
    found: list[Found] = []
    unread = ""
    begun = _now() - since_s - CLOCKS_S
    number = lowest = 0
    try:
        number, made = _about(newest, where)
        lowest = max(number - MOST, 1)
        while number > lowest and made > begun:
            number -= 1
            try:
                answer = read(number)
            except SecretMissing as error:
                unread = _not_had(where, number, error.code)  # deleted; older ones may be there
                continue
            found.append(Found.of(object_in(object_in(answer.get("data"), where).get("data"), where)))
            made = _about(answer, where)[1]
        if lowest > 1 and made > begun:
            unread = _not_had(where, lowest - 1, "too many versions")
    except SecretError as error:
        unread = _not_had(where, number, error.code)
    except (KeyError, TypeError, ValueError):
        unread = _not_had(where, number, "the server does not say when it was made")
    return tuple(found), unread


def _now() -> float:
    return float(fetch(_NOW)[0]["now"])


def _about(answer: dict[str, Any], where: str) -> tuple[int, float]:
    metadata = object_in(object_in(answer.get("data"), where).get("metadata"), where)
    return int(metadata["version"]), datetime.fromisoformat(metadata["created_time"]).timestamp()


def _not_had(where: str, number: int, why: str) -> str:
    which = f"version {number}" if number else "an earlier version"
    return (
        f"{where}: {which}, which the work may know, cannot be read ({why}); it is masked only by its looks"
    )
