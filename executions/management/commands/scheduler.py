"""The process that notices what is due, late or lost."""

import logging
import os
import signal
import sys
import threading
from json import dumps

from django.core.management.base import BaseCommand, CommandParser

from executions import scheduler
from executions.fleet.signals import Signals

END_S = 0.8


class Command(BaseCommand):
    """Sweeps until SIGTERM."""

    help = (
        "Notice what is due, late or lost: retries, expired leases, lost wake-ups and workers, approvals, "
        "deadlines. Run as many as you like; one acts at a time. `sweep` makes a single pass. "
        "Example: manage.py scheduler. Exit code: 0 stopped in order; outages are waited for."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print the counts of each pass that did something"
        )

    def handle(self, *, json: bool, **_options: object) -> None:
        signals, stop = Signals(signal.SIGTERM, signal.SIGINT), threading.Event()
        told = (self._tell,) if json else ()
        thread = threading.Thread(target=scheduler.run, args=(stop, *told), name="scheduler", daemon=True)
        thread.start()
        signals.next()
        stop.set()
        thread.join(END_S)
        if thread.is_alive():  # in the middle of a sweep, which rolls back
            logging.shutdown()
            sys.stdout.flush()
            os._exit(0)

    def _tell(self, found: dict[str, int]) -> None:
        self.stdout.write(dumps(found))
        self.stdout.flush()
