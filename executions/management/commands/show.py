"""Show one execution."""

from typing import Any

from django.core.management.base import CommandParser

from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.describing import describe
from executions.cli.finding import find_execution
from executions.cli.following import follow
from executions.cli.launching import exit_code, what_people_can_do
from executions.cli.people import acting_user
from executions.cli.showing import show_header, show_output, show_steps


class Command(OpsCommand):
    """Shows where an execution stands, its steps and what they said."""

    help = "Show where an execution stands, its steps, and with --output what they said."
    example = "manage.py show 3f2a91c0 --output\n  manage.py show 3f2a91c0 --follow"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument("--output", action="store_true", help="also what the steps said (masked)")
        parser.add_argument(
            "--follow", action="store_true", help="wait for its end first; 1 when it did not succeed"
        )

    def act(self, options: dict[str, Any]) -> int:
        execution = find_execution(options["id"], acting_user(options["user"]))
        if options["follow"]:
            try:
                follow(execution.pk, self.console if self.on_terminal else None, through_people=True)
            except KeyboardInterrupt:
                self.stdout.write(str(execution.pk))
                return failing.INTERRUPTED
            execution.refresh_from_db()
        if self.wants_json:
            self.print_json(describe(execution, output=options["output"]))
        else:
            show_header(self.console, execution)
            show_steps(self.console, execution)
            if options["output"]:
                show_output(self.console, execution)
        for line in what_people_can_do(execution):
            self.note(line)
        return exit_code(execution, wait=True) if options["follow"] else failing.SUCCEEDED
