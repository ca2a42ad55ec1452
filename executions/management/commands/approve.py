"""Approve what an execution would do."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from executions import approvals, dispatch
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_execution
from executions.cli.people import acting_user
from executions.cli.plain import plain
from executions.cli.showing import show_header, show_steps
from executions.errors import Conflict
from executions.fresh import BY_COMMAND
from executions.models import Execution

SHORTEST_HASH = 12


class Command(OpsCommand):
    """Approves exactly what it shows, bound to its hash."""

    help = (
        "Approve an execution. It shows what would run; say that you saw it with --hash (12 or more "
        "characters of the hash shown), or with yes on a terminal."
    )
    example = "manage.py approve 3f2a91c0 --as tom\n  manage.py approve 3f2a91c0 --as tom --hash 9d41c7a0b2e5"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument(
            "--hash", default="", help="the approval hash, or its first 12 or more characters"
        )
        parser.add_argument("--comment", default="", help="kept in its history")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        approvals.require_decision(execution, user)
        if not self.wants_json:
            self._show(execution)
        approval_hash = self._seen(execution, options["hash"])
        approvals.approve(
            execution.pk,
            user=user,
            approval_hash=approval_hash,
            comment=options["comment"],
            signed_in=BY_COMMAND,
        )
        dispatch.flush()
        status = Execution.objects.values_list("status", flat=True).get(pk=execution.pk)
        if self.wants_json:
            self.print_json({"id": execution.pk, "status": status, "approval_hash": approval_hash})
        else:
            self.stdout.write(f"approved; {execution.pk} is {status}")
        return failing.SUCCEEDED

    def _show(self, execution: Execution) -> None:
        show_header(self.console, execution)
        show_steps(self.console, execution)
        self.stdout.write(plain(execution.plan))
        self.stdout.write(f"approval hash {execution.approval_hash}")

    def _seen(self, execution: Execution, given: str) -> str:
        """The whole hash, once the person has shown that this is what they mean. Raises BadInput, Conflict."""
        wanted = given.strip().lower()
        if not wanted:
            return self._ask(execution)
        if len(wanted) < SHORTEST_HASH:
            raise BadInput(f"--hash: give at least {SHORTEST_HASH} characters.")
        if not execution.approval_hash.startswith(wanted):
            raise Conflict(
                f"This hash is not of what would run: that is {execution.approval_hash[:SHORTEST_HASH]}.",
                hint="Look at the plan again.",
            )
        return execution.approval_hash

    def _ask(self, execution: Execution) -> str:
        if not (sys.stdin.isatty() and self.on_terminal):
            raise BadInput(
                "Nothing was approved.",
                hint=f"Look at it, then give --hash {execution.approval_hash[:SHORTEST_HASH]}.",
            )
        if input("Approve exactly this? [yes/no] ").strip().lower() != "yes":
            raise BadInput("Nothing was approved.")
        return execution.approval_hash
