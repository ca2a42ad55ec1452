"""One worker process, as the fleet starts them."""

import logging
import os
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.fleet import lanes
from executions.fleet.worker import CANNOT_GO_ON, CLEAN, WorkerProcess

NO_BROKER = "RABBITMQ_URL is not set: without a broker, `manage.py up` runs everything in one process."


class Command(BaseCommand):
    """Runs steps from the queues until SIGTERM."""

    help = (
        "One worker process; `fleet` starts as many as you like and replaces those that die. SIGTERM drains it, "
        "a second one does not wait. Example: manage.py worker --lane fast,medium:8 --lane long:4. "
        "Exit code: 0 drained, 1 something was left running, 3 it cannot begin or go on (the log says why)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--lane",
            action="append",
            type=lanes.Lane.parse,
            metavar="QUEUES:THREADS",
            help="queues and the threads that serve them; may be repeated (default: all queues in two lanes)",
        )
        parser.add_argument(
            "--parent",
            type=int,
            default=0,
            metavar="PID",
            help="the process with which this one ends",
        )

    def handle(self, *, lane: list[lanes.Lane] | None, parent: int, **_options: object) -> None:
        if not settings.RABBITMQ_URL:
            raise CommandError(NO_BROKER, returncode=CANNOT_GO_ON)
        alone = lanes.of_process(0, 1, settings.OPSC["WORKER_THREADS"])
        code = WorkerProcess(lane or alone, parent=parent).run()
        if code == CLEAN:
            return
        logging.shutdown()
        sys.stdout.flush()
        os._exit(
            code
        )  # threads that are still in a step would keep the process, or break while Python is ending
