"""Refuse an execution that waits for approval."""

from typing import Any

from django.core.management.base import CommandParser

from executions import approvals
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_execution
from executions.cli.people import acting_user
from executions.fresh import BY_COMMAND
from executions.states import ExecutionStatus


class Command(OpsCommand):
    """Refuses an execution for good."""

    help = "Refuse an execution that waits for approval, for good."
    example = "manage.py reject 3f2a91c0 --as tom --comment 'not during the freeze'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument("--comment", required=True, help="why; kept in its history")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        if not options["comment"].strip():
            raise BadInput("A comment is needed.", hint="Say what has to change.")
        approvals.reject(execution.pk, user=user, comment=options["comment"], signed_in=BY_COMMAND)
        if self.wants_json:
            self.print_json({"id": execution.pk, "status": ExecutionStatus.REJECTED})
        else:
            self.stdout.write(f"{execution.pk} rejected")
        return failing.SUCCEEDED
