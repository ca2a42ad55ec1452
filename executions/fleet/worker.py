"""One worker process: runs its lanes until it is told to stop, its supervisor is gone or it cannot go on."""

import logging
import signal
from collections.abc import Sequence

from django.conf import settings
from django.db import connections

from executions.fleet import readiness
from executions.fleet.crew import Crew
from executions.fleet.lanes import Lane
from executions.fleet.parent import Parent
from executions.fleet.signals import Signals

logger = logging.getLogger(__name__)

CLEAN, LEFT_SOMETHING, CANNOT_GO_ON = 0, 1, 3
LOOK_S = 0.5


class WorkerProcess:
    """Runs in the main thread of a process of its own."""

    def __init__(self, lanes: Sequence[Lane], *, parent: int = 0) -> None:
        """`parent` is the pid of the process with which this one is to end; 0 when it stands alone."""
        self.crew = Crew(lanes)
        self._parent_pid = parent

    def run(self) -> int:
        """Work until told to stop; a second signal does not wait for running steps.

        Returns: the exit code: 0 nothing was left running, 1 something was, 3 this process cannot go on.
        """
        signals = Signals(signal.SIGTERM, signal.SIGINT)
        parent = Parent(self._parent_pid)
        if reason := readiness.refusal():
            logger.critical("this worker cannot begin: %s", reason)
            return CANNOT_GO_ON
        connections.close_all()
        self.crew.start()
        code = self._watch(signals, parent)
        clean = self.crew.drain(settings.OPSC["DRAIN_S"], lambda wait_s: signals.next(wait_s) is not None)
        logger.info("worker stopped", extra={"clean": clean})
        return code or (CLEAN if clean else LEFT_SOMETHING)

    def _watch(self, signals: Signals, parent: Parent) -> int:
        """Come back when it is time to drain, with the exit code that already stands."""
        while signals.next(LOOK_S) is None:
            if parent.is_gone:
                logger.warning("the supervisor is gone; draining")
                return CLEAN
            if trouble := self.crew.trouble():
                logger.critical("this worker must be replaced: %s", trouble)
                return CANNOT_GO_ON
        return CLEAN
