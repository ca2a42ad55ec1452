"""Commands and scripts on this machine or over SSH, in a job directory that survives the worker."""

import logging
import time
from collections.abc import Callable

from executions.connectors.arguments import command_of
from executions.connectors.base import Ended, OutcomeUnknown, OutputSink, Result, Work
from executions.connectors.following import Following
from executions.jobdir import CannotConnect, JobDirectory, JobName, Shell, ShellError, Stop
from executions.jobdir.directory import sweep

log = logging.getLogger(__name__)

KEEP_DAYS = 2  # how long a finished directory keeps a late starter out
_SWEEP_EVERY_S = 6 * 3600.0
_FOUND = {
    Stop.NEVER_STARTED: "it had never begun there, and never will",
    Stop.FINISHED: "it had come to its own end",
    Stop.CONFIRMED: "nothing of it is left there",
}


class CommandConnector:
    """Runs `command` and `script` steps through a shell.

    After a cancel or a timeout nothing of the work lives, where that is proven, and its secrets and input are gone
    from the target, also where it is not; its output and its files stay until `forget`, or for KEEP_DAYS days when
    the target was away. The folder that keeps a late starter out stays as long. Connections over SSH are shared
    and end when nobody has used them for a while.

    shell_of: the shell of a work's target. open_shell_of: the same, but none rather than sign in anew.
    """

    survives_worker = True

    def __init__(
        self, shell_of: Callable[[Work], Shell], open_shell_of: Callable[[Work], Shell | None]
    ) -> None:
        self._shell_of, self._open_shell_of = shell_of, open_shell_of
        self._swept: dict[object, float] = {}

    def run(self, work: Work, sink: OutputSink) -> Result:
        """Run the command once, or follow it on; see Connector."""
        command = command_of(work)
        shell = self._shell_of(work)
        return Following(work, sink, _directory(work, shell), shell.pace).run(command)

    def stop(self, work: Work) -> Result:
        """Ask the target once, for a minute at most beside the grace; see Connector."""
        try:
            answer = _directory(work, self._shell_of(work)).stop(work.grace_s)
        except ShellError as error:
            category = error.category if isinstance(error, CannotConnect) else "unreachable"
            raise OutcomeUnknown(str(error), category=category) from error
        return Result(
            ended=Ended.STOPPED,
            stop_confirmed=answer.stop is not Stop.UNCONFIRMED,
            detail=_FOUND.get(answer.stop, answer.remains),
        )

    def forget(self, work: Work) -> None:
        """Remove what the finished work left on its target; call it once the result is on record.

        Never raises: what stays behind is swept some days later.
        """
        try:
            shell = self._open_shell_of(work)
            if shell is not None:
                _directory(work, shell).forget()
                self._sweep_now_and_then(work, shell)
        except ShellError as error:
            log.info(
                "job directory not removed", extra={"step_run": str(work.step_run_id), "why": str(error)}
            )

    def _sweep_now_and_then(self, work: Work, shell: Shell) -> None:
        where = work.target and (work.target.asset_id, work.target.username)
        now = time.monotonic()
        if now - self._swept.get(where, -_SWEEP_EVERY_S) >= _SWEEP_EVERY_S:
            self._swept[where] = now
            sweep(shell, KEEP_DAYS)


def _directory(work: Work, shell: Shell) -> JobDirectory:
    return JobDirectory(shell, JobName(work.execution_id, work.step_run_id, work.attempt))
