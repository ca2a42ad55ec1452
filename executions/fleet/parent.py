"""A process that ends when the one that started it does, however that one ended."""

import ctypes
import logging
import os
import signal

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1  # prctl(2)


class Parent:
    """The process that this one is to end with; pid 0 stands for none."""

    def __init__(self, pid: int) -> None:
        """Have the kernel send TERM when the parent dies, also by SIGKILL.

        TERM, so that steps are ended or handed over in order; KILL would leave outcomes that nobody knows.
        Draining is bounded, and so is the time for which such a process outlives its parent.
        """
        self.pid = pid
        if (
            pid
            and ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0
        ):
            problem = os.strerror(ctypes.get_errno())
            logger.warning("prctl: %s; that the parent is gone is noticed by its pid only", problem)

    @property
    def is_gone(self) -> bool:
        """Whether it has died, perhaps before the kernel was asked to tell."""
        return bool(self.pid) and os.getppid() != self.pid
