"""Run a finished execution's plan again."""

from typing import Any

from django.core.management.base import CommandParser

from executions.cli.command import OpsCommand
from executions.cli.finding import find_execution
from executions.cli.launching import launch
from executions.cli.people import acting_user
from executions.control import retry


class Command(OpsCommand):
    """Makes a new execution of the plan that points at the old one."""

    help = "Run a finished execution's plan again, as a new execution that points at the old one."
    example = "manage.py retry 3f2a91c0 --failed-only --wait"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument(
            "--failed-only", action="store_true", help="only the step runs that did not succeed"
        )
        parser.add_argument(
            "--yes", action="store_true", help="confirm what needs no more than that (level 1)"
        )
        parser.add_argument("--wait", action="store_true", help="wait for the end; 1 when it did not succeed")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        submitted = retry(
            execution.pk, user=user, failed_only=options["failed_only"], confirmed=options["yes"]
        )
        return launch(self, submitted, wait=options["wait"])
