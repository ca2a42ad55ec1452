"""Let somebody try to sign in again before their lock ends by itself."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.people import acting_user
from safety.signin import locks


class Command(OpsCommand):
    """Lifts the lock of an account or an address; for superusers."""

    help = "Lift the lock that wrong sign-ins left on an account or an address. In the name of a superuser."
    example = (
        "manage.py unlock olga --reason 'called, has a new phone'\n  manage.py unlock --address 192.0.2.7"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?", metavar="NAME", help="whose account")
        parser.add_argument("--address", metavar="ADDRESS", help="an address from which many tried")
        parser.add_argument("--reason", default="", help="why; kept on record")

    def act(self, options: dict[str, Any]) -> int:
        by = acting_user(options["user"])
        if not by.is_superuser:
            raise BadInput(f"{by.get_username()} is no superuser.", hint="Give --as with one who is.")
        if bool(options["name"]) == bool(options["address"]):
            raise BadInput("Which lock?", hint="Give NAME, or --address ADDRESS.")
        lifted = self._lift(options, by)
        if self.wants_json:
            self.print_json({"lifted": lifted})
        else:
            self.stdout.write(f"{lifted} counts of tries forgotten" if lifted else "there was no lock")
        return failing.SUCCEEDED

    def _lift(self, options: dict[str, Any], by: User) -> int:
        if options["address"]:
            try:
                return locks.lift_address(options["address"], by=by, reason=options["reason"])
            except ValueError as problem:
                raise BadInput(f"--address {options['address']!r} is no address.") from problem
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise BadInput(f"There is no user {options['name']!r}.")
        return locks.lift_account(user, by=by, reason=options["reason"])
