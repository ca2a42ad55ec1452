"""Let a run begin without its approval, in an emergency; or review that."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions import dispatch, glass, rights
from executions.authority import BREAK_GLASS
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.finding import find_execution
from executions.cli.people import acting_user
from executions.cli.seen_hash import seen_hash, show_all
from executions.fresh import BY_COMMAND
from executions.models import Execution


class Command(OpsCommand):
    """Breaks the glass for exactly what it shows, bound to its hash."""

    help = (
        "Let an execution begin that nobody approved, because an emergency leaves no time. It leaves an alert, and "
        "somebody else has to review it (--review)."
    )
    example = (
        "manage.py break_glass 3f2a91c0 --as ada --hash 9d41c7a0b2e5 --reason 'site is down, ticket 4711'\n"
        "  manage.py break_glass 3f2a91c0 --as tom --review 'right call; the runbook says so now'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument(
            "--hash", default="", help="the approval hash, or its first 12 or more characters"
        )
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--reason", help="what the emergency is; whoever reviews it reads this")
        what.add_argument("--review", metavar="TEXT", help="afterwards: what you found")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        if options["review"] is None:
            self._break(execution, user, options)
        else:
            glass.review(execution.pk, user=user, said=options["review"])
        dispatch.flush()
        status = Execution.objects.values_list("status", flat=True).get(pk=execution.pk)
        if self.wants_json:
            self.print_json({"id": execution.pk, "status": status, "reviewed": options["review"] is not None})
        elif options["review"] is None:
            self.stdout.write(
                f"the glass is broken; an alert is on record and in the log; {execution.pk} is {status}"
            )
        else:
            self.stdout.write(f"reviewed; {execution.pk} is {status}")
        return failing.SUCCEEDED

    def _break(self, execution: Execution, user: User, options: dict[str, Any]) -> None:
        allowed = rights.records_refusals(rights.require)
        allowed(user, BREAK_GLASS, execution, "You may not let a run begin without its approval.")
        if not self.wants_json:
            show_all(self, execution)
        seen = seen_hash(self, execution.approval_hash, options["hash"])
        glass.break_glass(
            execution.pk, user=user, approval_hash=seen, reason=options["reason"], signed_in=BY_COMMAND
        )
