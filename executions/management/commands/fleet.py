"""The worker processes of this machine."""

import dataclasses
import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from executions.fleet.lanes import MOST_THREADS
from executions.fleet.supervisor import Change, Supervisor
from executions.fleet.worker import CANNOT_GO_ON
from executions.management.commands.worker import NO_BROKER

MOST_WORKERS = 256


class Command(BaseCommand):
    """Keeps worker processes running until SIGTERM."""

    help = (
        "Run worker processes, replace those that die, drain them all on SIGTERM or Ctrl-C. Of two or more, the "
        "first serves no long work, so that fast work always finds a thread. "
        "Example: manage.py fleet --workers 4 --threads 8. Exit code: 0 all drained, 1 not all, 3 not available."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workers", type=_up_to(MOST_WORKERS), default=2, help="processes (default 2)")
        parser.add_argument(
            "--threads",
            type=_up_to(MOST_THREADS),
            default=settings.OPSC["WORKER_THREADS"],
            help="steps that one process runs at a time (default %(default)s)",
        )
        parser.add_argument(
            "--parent", type=int, default=0, metavar="PID", help="the process with which the fleet ends"
        )
        parser.add_argument("--json", action="store_true", help="a line for each process that starts or ends")

    def handle(self, *, workers: int, threads: int, parent: int, json: bool, **_options: object) -> None:
        if not settings.RABBITMQ_URL:
            raise CommandError(NO_BROKER, returncode=CANNOT_GO_ON)
        on_change = self._print if json else _keep_quiet
        sys.exit(Supervisor(workers, threads, on_change, parent).run())

    def _print(self, change: Change) -> None:
        self.stdout.write(json.dumps({"at": timezone.now().isoformat()} | dataclasses.asdict(change)))
        self.stdout.flush()


def _keep_quiet(_change: Change) -> None:
    """The log says it already."""


def _up_to(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise ArgumentTypeError(f"must be a number from 1 to {most}")
        return int(text)

    return parse
