"""Make, list and revoke API tokens."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions import api_tokens
from executions.api_tokens import Wanted
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.people import acting_tenant, acting_user
from executions.cli.plain import one_line
from executions.cli.tokens import SHOWN, described, find_account, find_token
from executions.fresh import BY_COMMAND
from safety.choices import Scope

MOST_LISTED = 200


class Command(OpsCommand):
    """Prints the value of a new token once; lists a person's tokens; ends one."""

    help = (
        "Make an API token and print its value, once; list your tokens and those of your service accounts; "
        "revoke one."
    )
    example = (
        "manage.py api_token create --name nightly --tenant acme --scopes read,submit --days 30 --as olga\n"
        "  manage.py api_token create --name ci --for robot --scopes submit --network 192.0.2.0/24 --as olga\n"
        "  manage.py api_token list --as olga\n"
        "  manage.py api_token revoke 1f6e0c9ab2d4 --as olga"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("verb", choices=("create", "list", "revoke"), help="what to do")
        parser.add_argument("prefix", nargs="?", help="revoke: the public part of the token")
        parser.add_argument("--name", default="", help="create: what you will know it by")
        parser.add_argument(
            "--tenant", metavar="SLUG", help="create: where it is good (default: your only tenant)"
        )
        parser.add_argument(
            "--scopes", default="read", help=f"create: among {','.join(Scope.values)} (default: read)"
        )
        days = settings.OPSC["TOKEN_MAX_DAYS"]
        parser.add_argument(
            "--days", type=int, default=min(30, days), help=f"create: until it expires, at most {days}"
        )
        parser.add_argument(
            "--network",
            action="append",
            default=[],
            metavar="CIDR",
            help="create: from where only; repeatable",
        )
        parser.add_argument(
            "--for", dest="account", metavar="NAME", help="create: a service account of yours"
        )

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        if options["verb"] == "create":
            self._create(user, options)
        elif options["verb"] == "revoke":
            if not options["prefix"]:
                raise BadInput("Which one?", hint="Give the public part, as `api_token list` shows it.")
            token = find_token(options["prefix"], user)
            done = api_tokens.revoke(token.pk, by=user)
            self._say({"prefix": token.prefix, "revoked": done}, "revoked" if done else "revoked before")
        else:
            self._list(user)
        return failing.SUCCEEDED

    def _create(self, user: User, options: dict[str, Any]) -> None:
        account = find_account(options["account"], user) if options["account"] else None
        tenant = account.tenant if account else acting_tenant(options["tenant"], user)
        wanted = Wanted(
            name=options["name"],
            tenant=tenant,
            scopes=[scope.strip() for scope in options["scopes"].split(",") if scope.strip()],
            days=options["days"],
            networks=options["network"],
        )
        token, value = api_tokens.create(wanted, by=user, account=account, signed_in=BY_COMMAND)
        self._say(described(token) | {"value": value}, value)
        self.note(f"Shown this once. It expires {token.expires_at:%Y-%m-%d %H:%M} UTC.")

    def _list(self, user: User) -> None:
        tokens = list(api_tokens.tokens_of(user)[:MOST_LISTED])
        if self.wants_json:
            self.print_json({"tokens": [described(token) for token in tokens]})
        elif not tokens:
            self.stdout.write("No tokens.")
        for token in [] if self.wants_json else tokens:
            used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
            until = "revoked" if token.revoked_at else f"until {token.expires_at:%Y-%m-%d}"
            self.stdout.write(
                f"{token.prefix}  {one_line(token.name, SHOWN)}: {token.user.get_username()} in {token.tenant.slug}, "
                f"{','.join(token.scopes)}, {until}, used {used}"
            )

    def _say(self, data: dict[str, Any], line: str) -> None:
        if self.wants_json:
            self.print_json(data)
        else:
            self.stdout.write(line)
