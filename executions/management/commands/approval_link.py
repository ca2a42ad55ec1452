"""A link by which one person decides once."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.urls import reverse

from executions import decision_links
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_execution


class Command(OpsCommand):
    """Prints a one-time link to one decision."""

    help = (
        "Print a link by which a person decides once about what waits for their approval. Whoever has it can reject, "
        "and confirm at level 1, in that name; approving at level 2 and 3 asks them to sign in. Send it to them only."
    )
    example = (
        "manage.py approval_link 3f2a91c0 tom --base https://ops.example\n"
        "  manage.py approval_link 3f2a91c0 tom --step restart"
    )
    acts_for_somebody = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument("name", metavar="NAME", help="who is to decide")
        parser.add_argument("--step", default="", metavar="ID", help="level 3: about this step")
        parser.add_argument("--base", default="", help="the address of the pages, put before the link")

    def act(self, options: dict[str, Any]) -> int:
        person = User.objects.filter(username=options["name"], is_active=True).first()
        if person is None:
            raise BadInput(f"There is no active user {options['name']!r}.")
        execution = find_execution(options["id"], person)
        token = decision_links.issue(execution, person, options["step"])
        link = options["base"].rstrip("/") + reverse("executions:decide", args=[token])
        if self.wants_json:
            self.print_json({"link": link})
        else:
            self.stdout.write(link)
        return failing.SUCCEEDED
