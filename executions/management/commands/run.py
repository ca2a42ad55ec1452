"""Submit a plan and follow it to its end."""

from typing import Any

from django.core.management.base import CommandParser

from executions.cli.command import OpsCommand
from executions.cli.launching import launch
from executions.cli.people import acting_tenant, acting_user
from executions.cli.plan_argument import add_plan_arguments, read_plan
from executions.submission import submit


class Command(OpsCommand):
    """Runs a plan and shows how it ended."""

    help = "Submit a plan, follow it to its end and show how it ended."
    example = "manage.py run plan.json --yes\n  cat plan.json | manage.py run - --as olga --json"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_plan_arguments(parser)

    def act(self, options: dict[str, Any]) -> int:
        raw, user = read_plan(options["plan"]), acting_user(options["user"])
        submitted = submit(
            raw,
            user=user,
            tenant=acting_tenant(options["tenant"], user),
            confirmed=options["yes"],
            idempotency_key=options["idempotency_key"],
            again=options["again"],
            allow_likely_secret=options["allow_likely_secret"].strip(),
            warns=True,
        )
        return launch(self, submitted, wait=options.get("wait", True))
