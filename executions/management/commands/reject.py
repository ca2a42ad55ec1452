"""Refuse an execution that waits for approval."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions import approvals, dispatch, stepwise
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_execution
from executions.cli.people import acting_user
from executions.fresh import BY_COMMAND
from executions.models import Execution
from executions.states import ExecutionStatus


class Command(OpsCommand):
    """Refuses an execution for good."""

    help = "Refuse an execution that waits for approval, for good."
    example = "manage.py reject 3f2a91c0 --as tom --comment 'not during the freeze'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument("--comment", required=True, help="why; kept in its history")
        parser.add_argument("--step", metavar="ID", help="level 3: refuse this step, and cancel the run")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        if not options["comment"].strip():
            raise BadInput("A comment is needed.", hint="Say what has to change.")
        if options["step"]:
            return self._step(execution, user, options)
        approvals.reject(execution.pk, user=user, comment=options["comment"], signed_in=BY_COMMAND)
        if self.wants_json:
            self.print_json({"id": execution.pk, "status": ExecutionStatus.REJECTED})
        else:
            self.stdout.write(f"{execution.pk} rejected")
        return failing.SUCCEEDED

    def _step(self, execution: Execution, user: User, options: dict[str, Any]) -> int:
        stepwise.reject(
            execution.pk, options["step"], user=user, comment=options["comment"], signed_in=BY_COMMAND
        )
        dispatch.flush()
        if self.wants_json:
            self.print_json({"id": execution.pk, "step": options["step"], "rejected": True})
        else:
            self.stdout.write(f"the step {options['step']} was rejected; {execution.pk} is being cancelled")
        return failing.SUCCEEDED
