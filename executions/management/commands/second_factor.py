"""Take somebody's second factor away, when authenticator and recovery codes are lost."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.people import acting_user
from safety.masking.typed import words_of
from safety.signin import factors


class Command(OpsCommand):
    """Resets the second factor of an account; for superusers."""

    help = (
        "Take a second factor away, so that it is set up anew. Ends the sessions. In the name of a superuser."
    )
    example = "manage.py second_factor reset olga --reason 'lost the phone; knows her number'"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("verb", choices=("reset",), help="what to do")
        parser.add_argument("name", metavar="NAME", help="whose")
        parser.add_argument("--reason", required=True, help="why; kept on record")

    def act(self, options: dict[str, Any]) -> int:
        by = acting_user(options["user"])
        if not by.is_superuser:
            raise BadInput(f"{by.get_username()} is no superuser.", hint="Give --as with one who is.")
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise BadInput(f"There is no user {options['name']!r}.")
        if not words_of(options["reason"]):
            raise BadInput("A reason is needed.", hint="Say how you know who asks.")
        had = factors.reset(user, by=by, reason=options["reason"])
        if self.wants_json:
            self.print_json({"name": user.get_username(), "had": had})
        else:
            self.stdout.write("taken away" if had else f"{user.get_username()} has none")
        return failing.SUCCEEDED
