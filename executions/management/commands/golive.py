"""Say GO or NO-GO for a phase of a tenant's rollout, with every figure beside its limit."""

from typing import Any

from django.core.management.base import CommandParser
from rich.table import Table
from rich.text import Text

from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_tenant
from executions.cli.people import acting_user
from executions.monitoring.golive import HOURS, Step, verdict
from executions.rollout import rollout_of


class Command(OpsCommand):
    """Prints a verdict; exit code 0 is GO, 1 is NO-GO."""

    help = (
        "Compare what ran lately with what the next phase of a tenant's rollout asks for. dark: from shadow to canary; "
        "canary: from canary to full; full: staying full. Exit code 0: GO, 1: NO-GO."
    )
    example = (
        "manage.py golive --tenant acme --phase dark\n"
        "  manage.py golive --tenant acme --phase canary --hours 72 --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", metavar="SLUG", required=True, help="whose runs")
        parser.add_argument(
            "--phase", choices=[step.value for step in Step], required=True, help="what is asked about"
        )
        parser.add_argument(
            "--hours", type=float, default=HOURS, help=f"how far to look back (default: {HOURS:g})"
        )

    def act(self, options: dict[str, Any]) -> int:
        if not 0 < options["hours"] <= 8760:
            raise BadInput("--hours: from 0 to 8760, a year.")
        tenant = find_tenant(options["tenant"], acting_user(options["user"]))
        found = verdict(tenant, Step(options["phase"]), hours=options["hours"])
        if self.wants_json:
            self.print_json({"tenant": tenant.slug, "rollout": str(rollout_of(tenant))} | found.as_data())
        else:
            table = Table(box=None, pad_edge=False)
            for heading in ("criterion", "figure", "limit", ""):
                table.add_column(heading)
            for one in found.criteria:
                holds = Text("holds" if one.holds else "FAILS", style="green" if one.holds else "red")
                table.add_row(Text(one.name), Text(one.figure), Text(one.limit), holds)
            self.console.print(table)
            word = "GO" if found.is_go else "NO-GO"
            self.stdout.write(
                f"{word} for {found.step}: {tenant.slug} (now {rollout_of(tenant)}), the last {found.hours:g} h"
            )
        return failing.SUCCEEDED if found.is_go else failing.NOT_SUCCEEDED
