"""Submit a plan and say which execution it became."""

from django.core.management.base import CommandParser

from executions.management.commands import run


class Command(run.Command):
    """Submits a plan; with `--wait` the same as `run`."""

    help = "Submit a plan and print its execution; --wait follows it to its end. Plans in immediate mode run at once."
    example = "manage.py submit plan.json --idempotency-key release-42\n  manage.py submit plan.json --wait"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--wait", action="store_true", help="wait for the end; 1 when it did not succeed")
