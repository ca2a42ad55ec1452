"""Watches an execution until it is over, with a bar where a person watches."""

import time
from uuid import UUID

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from executions.cli.plain import one_line
from executions.errors import NotFound
from executions.monitoring.progress import Progress as Moment
from executions.monitoring.progress import progress
from executions.states import ExecutionStatus

LOOK_S = 0.2
WAITS_FOR_PEOPLE = frozenset({ExecutionStatus.PENDING_APPROVAL, ExecutionStatus.NEEDS_ATTENTION})


def follow(execution_id: UUID, bar_on: Console | None, *, through_people: bool = False) -> Moment:
    """Wait until the execution is over, or until only a person can go on (`through_people`: wait for them, too).

    Args:
      bar_on: Where a progress bar is drawn; None for none.

    Returns: the last moment seen.

    Raises:
      NotFound: There is no such execution.
    """
    if bar_on is None:
        return _wait(execution_id, None, through_people)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=bar_on, transient=True) as bar:
        return _wait(execution_id, bar, through_people)


def _wait(execution_id: UUID, bar: Progress | None, through_people: bool) -> Moment:
    row = bar.add_task("") if bar else None
    while True:
        moment = progress(execution_id)
        if moment is None:
            raise NotFound(f"There is no execution {execution_id}.")
        if bar is not None and row is not None:
            words = moment.status.replace("_", " ")
            if moment.status_reason:
                words += f": {one_line(moment.status_reason, 60)}"
            bar.update(row, description=words, total=moment.total, completed=moment.total - moment.open)
        if moment.is_over or (moment.status in WAITS_FOR_PEOPLE and not through_people):
            return moment
        time.sleep(LOOK_S)
