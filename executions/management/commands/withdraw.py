"""Take an approval back."""

from typing import Any

from django.core.management.base import CommandParser

from executions import dispatch, withdrawing
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.finding import find_execution
from executions.cli.people import acting_user


class Command(OpsCommand):
    """Takes one's own approval back."""

    help = "Take back your approval of an execution and its steps. A run that too few people stand behind is cancelled."
    example = "manage.py withdraw 3f2a91c0 --as tom --reason 'wrong week'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument("--reason", required=True, help="why; kept in its history")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        status = withdrawing.take_back(execution.pk, user=user, reason=options["reason"])
        dispatch.flush()
        if self.wants_json:
            self.print_json({"id": execution.pk, "status": status})
        else:
            self.stdout.write(f"your approval is taken back; {execution.pk} is {status}")
        return failing.SUCCEEDED
