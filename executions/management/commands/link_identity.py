"""Say which account a subject of the single sign-on provider is."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.people import acting_user
from safety.signin import identities


class Command(OpsCommand):
    """Links an account to an identity; for superusers."""

    help = "Link an account to a subject of the OIDC provider. In the name of a superuser."
    example = "manage.py link_identity olga 248289761001"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="whose account")
        parser.add_argument("subject", metavar="SUBJECT", help="the provider's `sub` of that person")

    def act(self, options: dict[str, Any]) -> int:
        by = acting_user(options["user"])
        user = User.objects.filter(username=options["name"]).first()
        if not by.is_superuser or user is None or not settings.OIDC["ISSUER"]:
            raise BadInput(
                "This needs a superuser (--as), an existing account, and OPSC_OIDC_ISSUER.",
                hint="One of them is missing.",
            )
        try:
            identities.link(user, options["subject"], by=by)
        except identities.NoAccount as refusal:
            raise BadInput(str(refusal)) from refusal
        if self.wants_json:
            self.print_json({"name": user.get_username(), "subject": options["subject"]})
        else:
            self.stdout.write("linked")
        return failing.SUCCEEDED
