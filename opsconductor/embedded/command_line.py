"""Management commands that find their database running, also where no server was set up."""

import os
import signal
import sys
from typing import NoReturn

from django.core.management import execute_from_command_line

from opsconductor import env
from opsconductor.embedded import postgres

SYSTEM_NOT_AVAILABLE = 3
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
    "version",
}


def run(argv: list[str]) -> None:
    """Run one management command; the embedded PostgreSQL is up for as long as it needs it."""
    if argv[1:2] == ["up"]:
        os.environ.setdefault(
            "OPSC_HTTPS", "0"
        )  # it serves this machine's browser without a proxy that encrypts
    if not needs_embedded_database(argv):
        execute_from_command_line(argv)
        return
    try:
        with postgres.ensure_running(env.data_dir()):
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                signal.signal(signal.SIGTERM, _leave_in_order)
            execute_from_command_line(argv)
    except postgres.EmbeddedPostgresError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(SYSTEM_NOT_AVAILABLE)


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
