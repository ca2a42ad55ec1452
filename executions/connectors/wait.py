"""Wait steps: nothing happens for a while."""

import time

from executions.connectors.arguments import invalid
from executions.connectors.base import Ended, OutputSink, Result, Work

_LONGEST_S = 86_400


class WaitConnector:
    """Waits `seconds` (0 to 86400); the worker that takes over begins anew. Whatever ends it, nothing is left."""

    survives_worker = False

    def run(self, work: Work, sink: OutputSink) -> Result:  # noqa: ARG002
        """Wait on the cancel token; see Connector."""
        seconds = work.arguments.get("seconds")
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not 0 <= seconds <= _LONGEST_S
        ):
            raise invalid(f"seconds: must be a number from 0 to {_LONGEST_S}")
        left = work.deadline - time.monotonic()
        if not work.cancel.wait(max(0.0, min(seconds, left))):
            if seconds <= left:
                return Result(ended=Ended.FINISHED, exit_code=0)
            return Result(ended=Ended.STOPPED, stop_confirmed=True, detail="the deadline came first")
        reason = work.cancel.reason
        if reason is not None and reason.hands_over:
            return Result(ended=Ended.DETACHED, detail=f"let go: {reason}")
        return Result(ended=Ended.STOPPED, stop_confirmed=True)

    def stop(self, work: Work) -> Result:  # noqa: ARG002
        """Nothing goes on without its worker."""
        return Result(ended=Ended.STOPPED, stop_confirmed=True, detail="a wait ends with its worker")

    def forget(self, work: Work) -> None:
        """Nothing is left behind."""
