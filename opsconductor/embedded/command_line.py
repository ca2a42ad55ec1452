"""Management commands that find their database running, also where no server was set up."""

import importlib
import os
import signal
import sys
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from opsconductor import env
from opsconductor.embedded import postgres

BAD_INPUT, SYSTEM_NOT_AVAILABLE = 2, 3
WITHOUT_DATABASE = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "makemigrations",
    "startapp",
    "startproject",
    "verify_evidence",
    "version",
}


def run(argv: list[str]) -> None:
    """Run one management command; the embedded PostgreSQL is up for as long as it needs it."""
    if argv[1:2] == ["up"]:
        os.environ.setdefault(
            "OPSC_HTTPS", "0"
        )  # it serves this machine's browser without a proxy that encrypts
    try:
        _execute(argv)
    except postgres.EmbeddedPostgresError as problem:
        _give_up(str(problem), SYSTEM_NOT_AVAILABLE)
    except ImproperlyConfigured as problem:
        _give_up(f"error[settings] {problem}", BAD_INPUT)
    except OperationalError as problem:
        reason = str(problem).strip().splitlines()[0]
        _give_up(
            f"error[database] The database does not answer ({reason}). Check DATABASE_URL.",
            SYSTEM_NOT_AVAILABLE,
        )


def _execute(argv: list[str]) -> None:
    if not argv[1:] or {"-h", "--help", "help"}.isdisjoint(argv):
        importlib.import_module(
            os.environ["DJANGO_SETTINGS_MODULE"]
        )  # or Django calls its own commands unknown
    if not needs_embedded_database(argv):
        execute_from_command_line(argv)
        return
    with postgres.ensure_running(env.data_dir()):
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _leave_in_order)
        execute_from_command_line(argv)


def _give_up(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(f"{sentence}\n")
    sys.exit(code)


def needs_embedded_database(argv: list[str]) -> bool:
    """Whether the command uses a database, none is configured, and `OPSC_EMBEDDED=0` does not forbid ours."""
    if env.reader.str("DATABASE_URL", default="") or not env.reader.bool("OPSC_EMBEDDED", default=True):
        return False
    arguments = argv[1:]
    if not arguments or {"-h", "--help", "--version"} & set(arguments):
        return False
    if arguments[0] == "check":
        return any(argument.startswith("--database") for argument in arguments)
    return arguments[0] not in WITHOUT_DATABASE


def _leave_in_order(number: int, _frame: object) -> NoReturn:
    """End by an exception, so that the server is stopped; Python would end at once otherwise."""
    sys.exit(128 + number)
