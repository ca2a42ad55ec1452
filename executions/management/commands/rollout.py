"""Show or change how far a tenant's runs are let at real targets."""

from typing import Any

from django.core.management.base import CommandParser

from executions import dispatch, rolling
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.finding import find_tenant
from executions.cli.people import acting_user
from executions.cli.plain import one_line
from executions.rolling import Wanted
from executions.rollout import rollout_of
from safety.models import Phase
from safety.models.rollout import LEAST_PERCENT, MOST_PERCENT


class Command(OpsCommand):
    """Shows the phase; with `--phase`, changes it."""

    help = (
        "Show or change the rollout of a tenant. off: no run is taken; shadow: runs touch no target; canary: a fixed "
        "share of the plans runs for real; full: all do. A change counts for every submission from then on."
    )
    example = (
        "manage.py rollout --tenant acme\n"
        "  manage.py rollout --tenant acme --phase canary --percent 10 --most-level 1 --reason 'golive said GO'\n"
        "  manage.py rollout --tenant acme --phase off --cancel-open --reason 'wrong release'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", metavar="SLUG", required=True, help="whose rollout")
        parser.add_argument("--phase", choices=Phase.values, help="the phase to come")
        parser.add_argument(
            "--percent", type=int, default=LEAST_PERCENT, help=f"canary: {LEAST_PERCENT} to {MOST_PERCENT}"
        )
        parser.add_argument(
            "--most-level", type=int, default=1, help="canary: highest approval level, 0 to 3"
        )
        parser.add_argument("--reason", default="", help="why; kept in the history")
        parser.add_argument("--cancel-open", action="store_true", help="cancel what is under way, too")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        tenant = find_tenant(options["tenant"], user)
        if options["phase"]:
            wanted = Wanted(
                phase=options["phase"], percent=options["percent"], most_level=options["most_level"]
            )
            rolling.change(
                tenant, wanted, user=user, reason=options["reason"], cancel_open=options["cancel_open"]
            )
            dispatch.flush()
        now = rollout_of(tenant)
        if self.wants_json:
            data = {
                "tenant": tenant.slug,
                "phase": now.phase,
                "percent": now.percent,
                "most_level": now.most_level,
            }
            self.print_json(data | {"reason": now.reason, "changed_by": now.changed_by})
        else:
            who = f", {one_line(now.changed_by, 40)}: {one_line(now.reason, 200)}" if now.reason else ""
            self.stdout.write(f"{tenant.slug}: {now}{who}")
        return failing.SUCCEEDED
