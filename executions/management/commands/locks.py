"""Who holds which asset or resource, and who waits; reserve an asset, end that, or release what is held."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions import dispatch, releasing, reservations
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.lines import as_data, busy_lockables, find_lockable, show_standing
from executions.cli.people import acting_user
from executions.standing import standings

MINUTE_S = 60


class Command(OpsCommand):
    """Shows leases, waiting lines and reservations; with a verb, changes one."""

    help = "Show who holds which asset or resource and who waits for it; reserve, unreserve or release one."
    example = (
        "manage.py locks\n  manage.py locks --asset web-01\n"
        "  manage.py locks reserve --asset web-01 --minutes 90 --reason 'firmware'\n"
        "  manage.py locks unreserve --asset web-01\n"
        "  manage.py locks release --asset web-01 --reason 'looked, nothing runs there' [--force]"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = ("show", "reserve", "unreserve", "release")
        parser.add_argument(
            "verb", nargs="?", choices=verbs, default="show", help="what to do (default: show)"
        )
        parser.add_argument("--asset", metavar="NAME", help="the name of one asset or resource")
        parser.add_argument("--reason", default="", help="why; kept in the history")
        parser.add_argument("--minutes", type=int, default=60, help="how long to reserve (default: 60)")
        parser.add_argument("--force", action="store_true", help="release although its holder is at work")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        if options["verb"] != "show":
            self._change(user, options)
            dispatch.flush()
        wanted = [find_lockable(options["asset"], user)] if options["asset"] else busy_lockables(user)
        found = standings(wanted)
        if self.wants_json:
            self.print_json({"locks": [as_data(standing) for standing in found]})
        elif not found:
            self.stdout.write("Nothing is held, reserved or waited for.")
        for standing in [] if self.wants_json else found:
            show_standing(self.console, standing)
        return failing.SUCCEEDED

    def _change(self, user: User, options: dict[str, Any]) -> None:
        if not options["asset"]:
            raise BadInput("Which one?", hint="Give --asset NAME.")
        lockable = find_lockable(options["asset"], user)
        reason = options["reason"]
        if options["verb"] == "reserve":
            reservations.reserve(lockable, user=user, reason=reason, lasts_s=options["minutes"] * MINUTE_S)
        elif options["verb"] == "unreserve":
            reservations.end_reservation(lockable, user=user, reason=reason)
        else:
            if options["force"]:
                self.note(releasing.CONSEQUENCE)
            releasing.release_lease(lockable, user=user, reason=reason, force=options["force"])
