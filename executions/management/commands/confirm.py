"""Have the unproven end of a step run looked at again."""

from typing import Any

from django.core.management.base import CommandParser

from executions import dispatch
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.finding import find_step_run
from executions.cli.people import acting_user
from executions.confirming import confirm


class Command(OpsCommand):
    """Asks the target once more to end a stopped step run and to prove it."""

    help = (
        "Look again at a stopped step run whose end is not proven: its target is asked once more to end what is "
        "left of it, from this process, which needs access to the secrets. When the end is proven, its dead letter "
        "is closed and its target is free. Exit code 1: still not proven."
    )
    example = "manage.py confirm 7c1e0d44"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="STEP_RUN_ID", help="its id, or the first 4 or more characters")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        run = find_step_run(options["id"], user)
        look = confirm(run.pk, user=user)
        dispatch.flush()
        if self.wants_json:
            self.print_json(
                {
                    "id": run.execution_id,
                    "step_run": run.pk,
                    "confirmed": look.confirmed,
                    "detail": look.sentence,
                }
            )
        else:
            self.stdout.write(f"{run.step.key}: {look.sentence}")
        return failing.SUCCEEDED if look.confirmed else failing.NOT_SUCCEEDED
