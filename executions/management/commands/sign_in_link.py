"""A link that signs one person in, once: for an account without a password, or when nothing else works."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.urls import reverse

from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.web import one_time
from safety.tokens.accounts import SIGNS_IN_NOWHERE, is_service_account


class Command(OpsCommand):
    """Prints a one-time link."""

    help = "Print a link that signs a person in, once, within ten minutes. Whoever has it is that person: keep it."
    example = "manage.py sign_in_link olga --base https://ops.example"
    acts_for_somebody = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="who is to be signed in")
        parser.add_argument("--base", default="", help="the address of the pages, put before the link")

    def act(self, options: dict[str, Any]) -> int:
        user = User.objects.filter(username=options["name"], is_active=True).first()
        if user is None:
            raise BadInput(f"There is no active user {options['name']!r}.")
        if is_service_account(user):
            raise BadInput(SIGNS_IN_NOWHERE, hint="Make a token for it: manage.py api_token create.")
        link = options["base"].rstrip("/") + reverse("once", args=[one_time.issue(user)])
        if self.wants_json:
            self.print_json({"link": link})
        else:
            self.stdout.write(link)
        return failing.SUCCEEDED
