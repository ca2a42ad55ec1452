"""Runs what was submitted for immediate mode, in the process that answers the person."""

from executions import immediate
from executions.states import ExecutionStatus, Mode
from executions.submission import Submitted


def begin(submitted: Submitted) -> None:
    """Run a new immediate execution to its end; leave everything else to the workers."""
    runs_here = submitted.mode == Mode.IMMEDIATE and submitted.status == ExecutionStatus.APPROVED
    if submitted.created and runs_here:
        immediate.run(submitted.execution_id)
