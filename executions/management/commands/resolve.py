"""Decide about a step run whose outcome nobody knows."""

from typing import Any

from django.core.management.base import CommandParser

from executions import dispatch
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.finding import find_step_run
from executions.cli.people import acting_user
from executions.resolution import DECISIONS, resolve


class Command(OpsCommand):
    """Says what happened to an interrupted step run, and lets the execution go on."""

    help = (
        "Decide about a step run whose outcome is unknown: it succeeded, is to be retried, is skipped, or the "
        "execution is aborted. `show` prints the ids of step runs with --output and --json."
    )
    example = "manage.py resolve 7c1e0d44 succeeded --reason 'the ticket exists: OPS-17'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="STEP_RUN_ID", help="its id, or the first 4 or more characters")
        parser.add_argument(
            "decision", metavar="DECISION", choices=list(DECISIONS), help=", ".join(DECISIONS)
        )
        parser.add_argument("--reason", required=True, help="how you know; kept in its history")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        run = find_step_run(options["id"], user)
        status = resolve(run.pk, user=user, decision=options["decision"], reason=options["reason"])
        dispatch.flush()
        if self.wants_json:
            self.print_json({"id": run.execution_id, "step_run": run.pk, "status": status})
        else:
            self.stdout.write(f"{run.step.key}: {options['decision']}; {run.execution_id} is {status}")
        return failing.SUCCEEDED
