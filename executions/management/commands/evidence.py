"""Write the evidence of one execution to a file."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from executions.audit import evidence
from executions.audit.evidence import Written
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_execution
from executions.cli.people import acting_user
from executions.models import Execution

STANDARD_OUTPUT = "-"


class Command(OpsCommand):
    """Exports what is on record about an execution that the person may see."""

    help = (
        "Write all that is on record about one execution to one file: plan, approval, access decisions, events, "
        "step runs and masked output, with their hashes. `verify_evidence` checks it anywhere."
    )
    example = "manage.py evidence 3f2a91c0\n  manage.py evidence 3f2a91c0 --out run.jsonl --json"
    exit_codes = "Exit codes: 0 written, 2 refused or bad input, 3 not available."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument(
            "--out",
            metavar="FILE",
            help="default: evidence-ID.jsonl in this folder; - writes to standard output",
        )

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        evidence.require_reader(execution, user)
        place = options["out"] or evidence.file_name(execution)
        if place == STANDARD_OUTPUT:
            if self.wants_json:
                raise BadInput("--json and --out - would share standard output.", hint="Give --out FILE.")
            self._print(execution, user.get_username())
            return failing.SUCCEEDED
        written = _write(execution, user.get_username(), Path(place))
        said = {"file": place, **vars(written)}
        if self.wants_json:
            self.print_json(said)
        else:
            self.stdout.write(f"{place}: {written.lines:,} lines, head of the chain {written.head or 'none'}")
            self.stdout.write(f"SHA-256 {written.sha256}")
        return failing.SUCCEEDED

    def _print(self, execution: Execution, person: str) -> None:
        with tempfile.TemporaryFile() as file:  # a slow reader must not keep a transaction open
            evidence.write(execution.pk, person=person, file=file)
            file.seek(0)
            self.stdout.flush()
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _write(execution: Execution, person: str, place: Path) -> Written:
    """Whole or not at all, never over something else, and for its owner only. Raises BadInput."""
    try:
        with open(place, "xb", opener=_private) as file:
            try:
                return evidence.write(execution.pk, person=person, file=file)
            except BaseException:
                place.unlink()
                raise
    except FileExistsError:
        raise BadInput(f"{place} is there already.", hint="Give another --out, or remove it.") from None
    except OSError as error:
        raise BadInput(
            f"{place}: {error.strerror}", hint="Give --out a file in a folder that you may write."
        ) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
