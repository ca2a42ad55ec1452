"""The process that notices what is due, late or lost."""

import json
import logging
import os
import signal
import sys
import threading

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from executions import dispatch, scheduler, sweeper
from executions.fleet.signals import Signals

END_S = 0.8
NOT_AVAILABLE = 3


class Command(BaseCommand):
    """Sweeps until SIGTERM, or once."""

    help = (
        "Notice what is due, late or lost: retries, expired leases, lost wake-ups and workers, approvals, "
        "deadlines. Run as many as you like; one acts at a time. Example: manage.py scheduler. "
        "Exit code: 0 stopped in order, 3 not available (--once only; without it, outages are waited for)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one pass; prints what it did as JSON")

    def handle(self, *, once: bool, **_options: object) -> None:
        if once:
            self._once()
            return
        signals, stop = Signals(signal.SIGTERM, signal.SIGINT), threading.Event()
        thread = threading.Thread(target=scheduler.run, args=(stop,), name="scheduler", daemon=True)
        thread.start()
        signals.next()
        stop.set()
        thread.join(END_S)
        if thread.is_alive():  # in the middle of a sweep, which rolls back
            logging.shutdown()
            sys.stdout.flush()
            os._exit(0)

    def _once(self) -> None:
        try:
            done = sweeper.tick()
        except Error as error:
            raise CommandError(
                f"the database does not answer ({type(error).__name__})", returncode=NOT_AVAILABLE
            ) from error
        dispatch.flush()
        self.stdout.write(json.dumps(done))
