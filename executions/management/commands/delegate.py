"""Let somebody else approve in one's place for a while, end that, or show who does."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.db.models import Q

from executions import deputies
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.people import acting_tenant, acting_user
from executions.cli.plain import one_line
from executions.fresh import BY_COMMAND
from safety.models import Delegation
from safety.visibility import tenants_visible_to

SHOWN = 100


class Command(OpsCommand):
    """Shows the delegations that concern a person; with a name, makes one."""

    help = (
        "Show who approves for you and for whom you do; name a deputy until a day; or end a delegation. The deputy "
        "may approve what you may, and never what you asked for."
    )
    example = (
        "manage.py delegate --as tom\n"
        "  manage.py delegate ada --until 2026-12-04T18:00 --reason 'on leave' --as tom\n"
        "  manage.py delegate --end 7 --as tom"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", nargs="?", help="the deputy")
        parser.add_argument("--tenant", metavar="SLUG", help="where (default: your only tenant)")
        parser.add_argument("--until", metavar="TIME", help="its end, such as 2026-12-04T18:00, in UTC")
        parser.add_argument("--begin", metavar="TIME", help="its beginning (default: now)")
        parser.add_argument("--reason", default="", help="why; shown wherever the deputy approves for you")
        parser.add_argument("--end", metavar="NUMBER", type=int, help="end this one now")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        if options["end"] is not None:
            deputies.end(options["end"], user=user)
        elif options["name"]:
            self._make(user, options)
        self._show(user)
        return failing.SUCCEEDED

    def _make(self, user: User, options: dict[str, Any]) -> None:
        if not options["until"]:
            raise BadInput("Until when?", hint="Give --until, such as 2026-12-04T18:00.")
        deputies.delegate(
            acting_tenant(options["tenant"], user),
            user=user,
            deputy=User.objects.filter(username=options["name"], is_active=True).first(),
            ends_at=_moment("--until", options["until"]),
            starts_at=_moment("--begin", options["begin"]) if options["begin"] else None,
            reason=options["reason"],
            signed_in=BY_COMMAND,
        )

    def _show(self, user: User) -> None:
        mine = Delegation.objects.open().filter(
            Q(giver=user) | Q(deputy=user), tenant__in=tenants_visible_to(user)
        )
        found = list(mine.select_related("giver", "deputy", "tenant").order_by("ends_at", "pk")[:SHOWN])
        if self.wants_json:
            self.print_json({"delegations": [_as_data(one) for one in found]})
            return
        for one in found:
            said = f"{one}, {one.starts_at:%Y-%m-%d %H:%M} to {one.ends_at:%Y-%m-%d %H:%M} UTC: {one.reason}"
            self.stdout.write(f"{one.pk}  {one_line(said, 400)}")
        if not found:
            self.stdout.write("nobody approves for you, and you approve for nobody")


def _moment(option: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option}: {text[:40]!r} is no time.", hint="Such as 2026-12-04T18:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _as_data(one: Delegation) -> dict[str, Any]:
    return {
        "number": one.pk,
        "from": one.giver.get_username(),
        "to": one.deputy.get_username(),
        "tenant": one.tenant.slug,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "reason": one.reason,
    }
