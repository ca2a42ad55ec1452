"""From a submission to its end, as far as this process has a part in it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections

from executions import dispatch, immediate
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.describing import describe
from executions.cli.following import follow
from executions.cli.showing import show_header, show_steps
from executions.holdings import HOLDINGS
from executions.inprocess import Workers, some_worker_lives
from executions.models import Execution, StepRun
from executions.resolution import DECISIONS
from executions.states import ExecutionStatus, Mode, StepStatus
from executions.submission import Submitted
from safety.cancellation import CancelReason

FLUSH_S = 3.0
LET_GO_S = 10.0
MOST_LISTED = 10


def launch(command: OpsCommand, submitted: Submitted, *, wait: bool) -> int:
    """Print what was submitted, or with `wait` follow it to its end. Returns: the exit code.

    An execution in immediate mode runs here in either case. Ctrl-C or SIGTERM ends the watching, not the execution.
    """
    try:
        if submitted.created and submitted.mode == Mode.IMMEDIATE:
            if submitted.status == ExecutionStatus.APPROVED:
                with _sigterm_as_ctrl_c(), _running_here(submitted.execution_id):
                    follow(submitted.execution_id, command.console if command.on_terminal else None)
        elif wait and submitted.status != ExecutionStatus.PENDING_APPROVAL:
            with _sigterm_as_ctrl_c(), _somebody_to_run_it(command):
                follow(submitted.execution_id, command.console if command.on_terminal else None)
    except KeyboardInterrupt:
        return _left(command, submitted.execution_id)
    dispatch.flush(FLUSH_S)
    return _tell(command, submitted, wait=wait)


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """While the body runs, a service manager's signal hands over what runs here; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _somebody_to_run_it(command: OpsCommand) -> Any:
    """This process's own threads where nobody else would take the work."""
    if settings.RABBITMQ_URL:
        if not some_worker_lives():
            command.note("No worker is alive; it stays queued until one is: manage.py fleet")
        return nullcontext()
    return nullcontext() if some_worker_lives() else Workers()


@contextmanager
def _running_here(execution_id: UUID) -> Iterator[None]:
    """Run an immediate execution in a thread, so that the caller can watch it and be interrupted."""

    def body() -> None:
        try:
            immediate.run(execution_id)
        finally:
            connections.close_all()

    thread = threading.Thread(target=body, name="immediate", daemon=True)
    thread.start()
    try:
        yield
        thread.join()
    except KeyboardInterrupt:
        HOLDINGS.draining = True
        HOLDINGS.cancel_all(CancelReason.SHUTDOWN, "the command was interrupted")
        HOLDINGS.wait_until_idle(LET_GO_S)
        raise
    finally:
        HOLDINGS.stop()


def _left(command: OpsCommand, execution_id: UUID) -> int:
    dispatch.flush(FLUSH_S)
    if command.wants_json:
        command.print_json({"id": execution_id, "interrupted": True})
    else:
        command.stdout.write(str(execution_id))
    command.note(
        f"No longer watching. The execution is not cancelled: manage.py show {execution_id} --follow, "
        f"manage.py cancel {execution_id} --reason '…'"
    )
    return failing.INTERRUPTED


def _tell(command: OpsCommand, submitted: Submitted, *, wait: bool) -> int:
    execution = Execution.objects.select_related("tenant", "requested_by").get(pk=submitted.execution_id)
    if command.wants_json:
        command.print_json({"created": submitted.created} | describe(execution))
    else:
        if not submitted.created:
            command.note("The same plan was submitted before: this is its execution (--again runs it anew).")
        show_header(command.console, execution)
        if wait or execution.is_terminal:
            show_steps(command.console, execution)
    for line in what_people_can_do(execution):
        command.note(line)
    return exit_code(execution, wait=wait)


def exit_code(execution: Execution, *, wait: bool) -> int:
    """0 when it succeeded, or is on its way and nobody wanted to wait for its end; else 1."""
    on_its_way = (
        not wait and not execution.is_terminal and execution.status != ExecutionStatus.NEEDS_ATTENTION
    )
    fine = on_its_way or execution.status == ExecutionStatus.SUCCEEDED
    return failing.SUCCEEDED if fine else failing.NOT_SUCCEEDED


def what_people_can_do(execution: Execution) -> Iterator[str]:
    """What lets an execution go on that waits for a person, a line each."""
    if execution.status == ExecutionStatus.PENDING_APPROVAL:
        who = "you or somebody else confirms" if execution.approval_level == 1 else "somebody else approves"
        yield (
            f"It runs once {who} it (level {execution.approval_level}): "
            f"manage.py approve {execution.short_id} --hash {execution.approval_hash[:12]}"
        )
    if execution.status == ExecutionStatus.NEEDS_ATTENTION:
        unknown = StepRun.objects.filter(execution=execution, status=StepStatus.INTERRUPTED)
        for run in unknown.select_related("step")[:MOST_LISTED]:
            yield (
                f"Nobody knows whether {run.step.key} took effect; find out, then: "
                f"manage.py resolve {str(run.pk)[:8]} {'|'.join(DECISIONS)} --reason …"
            )
