"""Exit codes, and refusals as lines for people and data for programs."""

from dataclasses import asdict, dataclass

from django.db import Error, InterfaceError, OperationalError, ProgrammingError

from executions.errors import Refused
from executions.lifecycle import LifecycleError
from executions.plans import PlanInvalid

SUCCEEDED = 0
NOT_SUCCEEDED = 1
REFUSED = 2
NOT_AVAILABLE = 3
INTERRUPTED = 130

_NO_SUCH_TABLE = ("42P01", "42703")  # undefined table, undefined column
EXPECTED = (PlanInvalid, Refused, LifecycleError, Error)


class BadInput(Refused):
    """What was typed cannot be meant; nothing was changed."""

    code = "bad_input"


class NotAvailable(Refused):
    """A part of the system that the command needs does not answer. A later try makes sense."""

    code = "not_available"


@dataclass(frozen=True)
class Trouble:
    """One reason why a command did not do its work."""

    code: str
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"error[{self.code}] {place}{self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def explain(error: Exception) -> tuple[int, list[Trouble]]:
    """The exit code and every reason behind an expected error; an unexpected one is raised again."""
    match error:
        case PlanInvalid():
            return REFUSED, [Trouble(one.code, one.path, one.message, one.hint) for one in error.problems]
        case NotAvailable():
            return NOT_AVAILABLE, [Trouble(error.code, "", str(error), error.hint)]
        case Refused():
            return REFUSED, [Trouble(error.code, "", str(error), error.hint)]
        case LifecycleError():
            return REFUSED, [Trouble("conflict", "", str(error), "Look at the execution again.")]
        case OperationalError() | InterfaceError():
            hint = "Is PostgreSQL running, and is DATABASE_URL right?"
            return NOT_AVAILABLE, [Trouble("database", "", _first_line(error), hint)]
        case ProgrammingError() if getattr(error.__cause__, "sqlstate", "") in _NO_SUCH_TABLE:
            return NOT_AVAILABLE, [Trouble("not_migrated", "", _first_line(error), "Run: manage.py migrate")]
    raise error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
