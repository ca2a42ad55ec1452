"""Ask for the end of an execution."""

from typing import Any

from django.core.management.base import CommandParser

from executions import dispatch
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.finding import find_execution
from executions.cli.people import acting_user
from executions.cli.plain import one_line
from executions.control import request_cancel
from executions.models import Execution
from executions.states import TERMINAL_EXECUTION


class Command(OpsCommand):
    """Cancels an execution: what has not begun at once, what runs as soon as it is proven dead."""

    help = "Cancel an execution: what has not begun ends at once, what runs is ended and proven dead."
    example = "manage.py cancel 3f2a91c0 --reason 'wrong cluster'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument("--reason", required=True, help="kept in its history")
        parser.add_argument(
            "--duplicate-of", metavar="ID", help="the execution that does the same and goes on"
        )

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        if not options["reason"].strip():
            raise failing.BadInput(
                "--reason is empty.", hint="Say why: it is kept in the history of the run."
            )
        execution = find_execution(options["id"], user)
        other = options["duplicate_of"] and find_execution(options["duplicate_of"], user).pk
        status = request_cancel(execution.pk, user=user, reason=options["reason"], duplicate_of=other or None)
        dispatch.flush()
        wish = Execution.objects.get(pk=execution.pk)
        if self.wants_json:
            self.print_json({"id": execution.pk, "status": status, "asked_by": wish.cancel_actor})
        elif status in TERMINAL_EXECUTION:
            self.stdout.write(f"{execution.pk} {status}")
        else:
            self.stdout.write(f"{execution.pk} is {status}; its steps were told to stop")
        if wish.cancel_actor != user.username and not self.wants_json:
            self.stdout.write(
                f"  {one_line(wish.cancel_actor, 60)} had asked before: {one_line(wish.cancel_reason, 200)}"
            )
        return failing.SUCCEEDED
