"""Whether somebody signed in lately enough to do what matters."""

from dataclasses import dataclass
from typing import Final, LiteralString

from django.conf import settings

from executions.errors import SignInAgain
from safety.sql import fetch_one

FROM_LEVEL: Final = 2
COMMAND: Final = "command"  # whoever may run commands has the database's address, and signs in nowhere

_AGE: LiteralString = "SELECT extract(epoch FROM statement_timestamp())::float8 - %(at)s::float8 AS seconds"


@dataclass(frozen=True)
class SignedIn:
    """How a person showed who they are, when (seconds since 1970), and from where."""

    how: str = ""
    at: float | None = None
    address: str | None = None


BY_COMMAND: Final = SignedIn(COMMAND)
NOT_SAID: Final = SignedIn()


def require_fresh(level: int, signed_in: SignedIn) -> None:
    """Go on only when this sign-in is young enough for an approval of this level. Raises SignInAgain."""
    if level >= FROM_LEVEL:
        require_young(
            f"Approving level {level}", "Nothing was approved. Sign in again, then approve.", signed_in
        )


def require_young(what: str, hint: str, signed_in: SignedIn) -> None:
    """Go on only when this sign-in is young enough for `what`, the beginning of a sentence. Raises SignInAgain."""
    if signed_in.how == COMMAND:
        return
    row = fetch_one(_AGE, {"at": signed_in.at}) or {}
    limit_s = settings.OPSC["STEP_UP_S"]
    if row["seconds"] is None or row["seconds"] > limit_s:
        raise SignInAgain(f"{what} needs a sign-in that is younger than {limit_s / 60:g} minutes.", hint=hint)
