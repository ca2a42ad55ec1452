"""Make service accounts, and say who answers for one."""

from typing import Any

from django.core.management.base import CommandParser

from executions import service_accounts
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_tenant
from executions.cli.people import acting_user
from executions.cli.tokens import find_account, find_person


class Command(OpsCommand):
    """Makes the account of a program, or gives it another owner; in the name of an admin of its tenant."""

    help = (
        "Make the account of a program, which signs in nowhere and acts with API tokens; or change its owner. "
        "Its memberships are given in the admin, its tokens are made by its owner."
    )
    example = (
        "manage.py service_account create robot --tenant acme --owner olga --purpose 'nightly checks' --as boss\n"
        "  manage.py service_account change robot --owner tom --purpose 'nightly checks' --as boss"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("verb", choices=("create", "change"), help="what to do")
        parser.add_argument("name", metavar="NAME", help="the account's name")
        parser.add_argument("--tenant", metavar="SLUG", help="create: where it acts")
        parser.add_argument(
            "--owner", required=True, metavar="USERNAME", help="the person who answers for it"
        )
        parser.add_argument("--purpose", required=True, help="what it is for")

    def act(self, options: dict[str, Any]) -> int:
        by, owner = acting_user(options["user"]), find_person(options["owner"])
        if options["verb"] == "create":
            if not options["tenant"]:
                raise BadInput("Where?", hint="Give --tenant SLUG.")
            tenant = find_tenant(options["tenant"], by)
            account = service_accounts.create(
                options["name"], tenant=tenant, owner=owner, purpose=options["purpose"], by=by
            )
        else:
            account = find_account(options["name"], by)
            service_accounts.change(account, owner=owner, purpose=options["purpose"], by=by)
        if self.wants_json:
            told = {"name": account.user.get_username(), "tenant": account.tenant.slug}
            self.print_json(told | {"owner": account.owner.get_username(), "purpose": account.purpose})
        else:
            self.stdout.write(f"{account}, in {account.tenant}")
        return failing.SUCCEEDED
