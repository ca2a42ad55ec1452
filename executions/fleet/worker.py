"""One worker process: runs its lanes until it is told to stop, its supervisor is gone or it cannot go on."""

import ctypes
import logging
import os
import signal
from collections.abc import Sequence

from django.conf import settings
from django.db import connections

from executions.fleet import readiness
from executions.fleet.crew import Crew
from executions.fleet.lanes import Lane
from executions.fleet.signals import Signals

logger = logging.getLogger(__name__)

CLEAN, LEFT_SOMETHING, CANNOT_GO_ON = 0, 1, 3
LOOK_S = 0.5
PR_SET_PDEATHSIG = 1  # prctl(2)


class WorkerProcess:
    """Runs in the main thread of a process of its own."""

    def __init__(self, lanes: Sequence[Lane], *, supervisor: int = 0) -> None:
        """`supervisor` is the pid of the parent with which this process is to end; 0 when it stands alone."""
        self.crew = Crew(lanes)
        self.supervisor = supervisor

    def run(self) -> int:
        """Work until told to stop; a second signal does not wait for running steps.

        Returns: the exit code: 0 nothing was left running, 1 something was, 3 this process cannot go on.
        """
        signals = Signals(signal.SIGTERM, signal.SIGINT)
        if self.supervisor:
            _end_with_parent()
        if reason := readiness.refusal():
            logger.critical("this worker cannot begin: %s", reason)
            return CANNOT_GO_ON
        connections.close_all()
        self.crew.start()
        code = self._watch(signals)
        clean = self.crew.drain(settings.OPSC["DRAIN_S"], lambda wait_s: signals.next(wait_s) is not None)
        logger.info("worker stopped", extra={"clean": clean})
        return code or (CLEAN if clean else LEFT_SOMETHING)

    def _watch(self, signals: Signals) -> int:
        """Come back when it is time to drain, with the exit code that already stands."""
        while signals.next(LOOK_S) is None:
            if self.supervisor and os.getppid() != self.supervisor:
                logger.warning("the supervisor is gone; draining")
                return CLEAN
            if trouble := self.crew.trouble():
                logger.critical("this worker must be replaced: %s", trouble)
                return CANNOT_GO_ON
        return CLEAN


def _end_with_parent() -> None:
    """Have the kernel send TERM when the parent dies, also by SIGKILL.

    TERM, so that steps are ended or handed over in order; KILL would leave outcomes that nobody knows. Draining
    is bounded, and so is the time for which such a process outlives its parent.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        logger.warning(
            "prctl: %s; a lost supervisor is noticed by its pid only", os.strerror(ctypes.get_errno())
        )
