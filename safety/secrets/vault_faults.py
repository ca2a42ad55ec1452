"""What a Vault server's refusals mean, in our words and without the server's own text."""

from collections.abc import Callable
from typing import Any, TypeVar

import requests
from hvac import exceptions as refusals  # type: ignore[import-untyped]

from safety.secrets.errors import (
    SecretError,
    SecretForbidden,
    SecretMissing,
    StoreBusy,
    StoreFaulty,
    StoreGarbled,
    StoreRedirects,
    StoreSealed,
    StoreSlow,
    StoreUnreachable,
    StoreUntrusted,
)

T = TypeVar("T")


def in_our_words(store: str, where: str, asking: Callable[[], T]) -> T:
    """Whatever goes wrong in `asking` becomes a SecretError with a remedy; nothing is chained to it.

    `where`: the reference in question. A refusal of the token itself is told apart by whoever holds the token.
    """
    try:
        return asking()
    except SecretError:
        raise
    except Exception as error:
        failure = _failure(store, where, error)
        if failure is None:
            raise
    raise failure


def _failure(store: str, where: str, error: Exception) -> SecretError | None:
    match error:
        case refusals.InvalidPath():
            return SecretMissing(f"{where} does not exist, or its version was deleted")
        case refusals.Forbidden() | refusals.Unauthorized():
            return SecretForbidden(
                f"{where}: the server's policy does not allow it; the role needs a rule for this path"
            )
        case refusals.InvalidRequest():
            return StoreGarbled(f"{where}: the server does not take this request; look at the role's limits")
        case refusals.VaultDown() | refusals.VaultNotInitialized():
            return StoreSealed(f"{store}: the server is sealed, or not yet up; unseal it")
        case refusals.RateLimitExceeded():
            return StoreBusy(f"{store}: the server asks to wait (429)")
        case refusals.InternalServerError() | refusals.BadGateway():
            return StoreFaulty(f"{store}: the server has a fault of its own; look at its log")
        case (
            requests.exceptions.InvalidURL()
            | requests.exceptions.MissingSchema()
            | requests.exceptions.InvalidSchema()
        ):
            return StoreGarbled(f"{store}: its address is none")
        case _:
            return unanswered(store, error) or _garbled(store, error)


def unanswered(store: str, error: Exception) -> SecretError | None:
    """What an error of the connection means; None when it is none."""
    match error:
        case requests.exceptions.SSLError():
            return StoreUntrusted(
                f"{store}: the certificate is not signed by the authority we trust, or is for another name; "
                "nothing was sent. Give the right CA file"
            )
        case requests.exceptions.Timeout():
            return StoreSlow(f"{store}: the server does not answer in time")
        case requests.exceptions.RequestException() | OSError():
            return StoreUnreachable(f"{store}: nobody answers at its address, or the connection broke")
    return None


def _garbled(store: str, error: Exception) -> SecretError | None:
    kinds = (refusals.VaultError, ValueError, KeyError, TypeError, AttributeError)
    return (
        StoreGarbled(f"{store}: the answer is not that of a Vault server")
        if isinstance(error, kinds)
        else None
    )


def object_in(answer: Any, where: str) -> dict[str, Any]:
    """The answer as an object. Raises StoreRedirects, StoreGarbled."""
    if isinstance(answer, dict):
        return answer
    if 300 <= getattr(answer, "status_code", 0) < 400:
        raise StoreRedirects(
            f"{where}: the server sends us elsewhere, and we do not follow; set its real address"
        )
    raise StoreGarbled(f"{where}: the answer is not that of a Vault server")
