"""Switch runs off and on again, or show what is switched off."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions import dispatch, switching
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_tenant
from executions.cli.people import acting_user
from executions.cli.plain import one_line
from executions.switches import visible
from executions.switching import Scope
from safety.choices import Environment
from safety.models import Connector, Switch, SwitchMode

HOUR_S = 3600.0
MOST_LISTED = 200


class Command(OpsCommand):
    """Shows the standing switches; with a verb, turns or lifts one."""

    help = "Show what is switched off; switch off a tenant, an environment, a connector or everything; lift that."
    example = (
        "manage.py switch\n"
        "  manage.py switch off --tenant acme --mode hold --hours 2 --reason 'storage is failing'\n"
        "  manage.py switch off --everything --mode stop --reason 'wrong release' --as root\n"
        "  manage.py switch off --tenant acme --environment prod --mode no_new_runs --reason 'freeze'\n"
        "  manage.py switch lift 7 --reason 'storage is back'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = ("show", "off", "lift")
        parser.add_argument(
            "verb", nargs="?", choices=verbs, default="show", help="what to do (default: show)"
        )
        parser.add_argument("number", nargs="?", type=int, help="lift: the number that `switch` shows")
        parser.add_argument("--mode", choices=SwitchMode.values, help="off: how far")
        parser.add_argument("--tenant", metavar="SLUG", help="off: of one tenant")
        parser.add_argument("--environment", choices=Environment.values, help="off: in one environment")
        parser.add_argument("--connector", choices=Connector.values, help="off: by one connector")
        parser.add_argument("--everything", action="store_true", help="off: for every tenant")
        parser.add_argument("--hours", type=float, default=8, help="off: it ends by itself then (default: 8)")
        parser.add_argument("--reason", default="", help="why; whoever is held up reads it")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        if options["verb"] == "off":
            self._off(user, options)
        elif options["verb"] == "lift":
            if options["number"] is None:
                raise BadInput("Which one?", hint="Give the number that `manage.py switch` shows.")
            switching.lift(options["number"], user=user, reason=options["reason"])
        dispatch.flush()
        self._show(user)
        return failing.SUCCEEDED

    def _off(self, user: User, options: dict[str, Any]) -> None:
        if not options["mode"]:
            raise BadInput("How far?", hint=f"Give --mode, one of: {', '.join(SwitchMode.values)}.")
        if bool(options["tenant"]) == options["everything"]:
            raise BadInput("For whom?", hint="Give --tenant SLUG, or --everything for all tenants.")
        tenant = find_tenant(options["tenant"], user) if options["tenant"] else None
        scope = Scope(
            tenant=tenant, environment=options["environment"] or "", connector=options["connector"] or ""
        )
        switching.turn(
            scope,
            mode=options["mode"],
            user=user,
            reason=options["reason"],
            lasts_s=options["hours"] * HOUR_S,
        )

    def _show(self, user: User) -> None:
        standing = list(visible(user).filter(pk__in=Switch.objects.standing()).order_by("pk")[:MOST_LISTED])
        if self.wants_json:
            self.print_json({"switches": [_as_data(switch) for switch in standing]})
        elif not standing:
            self.stdout.write("Nothing is switched off.")
        for switch in [] if self.wants_json else standing:
            until = f"{switch.ends_at:%Y-%m-%d %H:%M} UTC"
            self.stdout.write(
                f"{switch.pk:>4}  {switch.get_mode_display()}: {one_line(switch.scope, 80)}, until {until}\n"
                f"      {one_line(switch.told_by, 40)}: {one_line(switch.reason, 200)}"
            )


def _as_data(switch: Switch) -> dict[str, Any]:
    return {
        "number": switch.pk,
        "mode": switch.mode,
        "tenant": switch.tenant.slug if switch.tenant else None,
        "environment": switch.environment or None,
        "connector": switch.connector or None,
        "reason": switch.reason,
        "turned_by": switch.told_by,
        "turned_at": switch.turned_at.isoformat(),
        "ends_at": switch.ends_at.isoformat(),
    }
