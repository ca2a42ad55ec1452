"""Races in many rounds on the real database, and whether what they left fits together."""

import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.db import connections
from django.db.models.base import ModelState

from executions.lifecycle import ClaimedStep
from executions.models import Execution, Step, StepRun
from executions.states import TERMINAL_EXECUTION, TERMINAL_STEP
from safety.sql import fetch

ROUND_S = 60.0

_AT_ODDS = """
SELECT e.id, e.status FROM opsc_execution e
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE NOT r.status = ANY(%(terminal)s)) AS open,
           count(*) FILTER (WHERE r.status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE r.status = 'failed') AS failed,
           count(*) FILTER (WHERE r.status = 'timed_out') AS timed_out,
           count(*) FILTER (WHERE r.status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE r.status = 'skipped') AS skipped, count(*) AS total
    FROM opsc_step_run r WHERE r.execution_id = e.id) seen
WHERE (e.open_runs, e.succeeded_runs, e.failed_runs, e.timed_out_runs, e.cancelled_runs, e.skipped_runs, e.total_runs)
   IS DISTINCT FROM (seen.open, seen.succeeded, seen.failed, seen.timed_out, seen.cancelled, seen.skipped, seen.total)
"""

_ENDINGS = """
SELECT coalesce(step_run_id, execution_id) AS id, count(*) AS times, min(to_status) AS said
FROM opsc_event WHERE to_status = ANY(%(terminal)s) AND (step_run_id IS NULL) = %(whole)s
GROUP BY 1 HAVING count(*) <> 1
"""

_UNTOLD = """
SELECT r.id FROM opsc_step_run r
WHERE r.status = ANY(%(terminal)s) AND NOT EXISTS (
    SELECT FROM opsc_event v WHERE v.step_run_id = r.id AND v.to_status = r.status)
"""


def copies_of(step: ClaimedStep, count: int) -> list[ClaimedStep]:
    """So many executions like that of this claimed step run, each with its only step run claimed too."""
    execution = Execution.objects.get(pk=step.execution_id)
    executions = [another(execution, pk=uuid4(), idempotency_key=uuid4().hex * 2) for _ in range(count)]
    Execution.objects.bulk_create(executions)
    plain = Step.objects.get(pk=step.step_id)
    steps = Step.objects.bulk_create(another(plain, pk=None, execution_id=each.pk) for each in executions)
    run = StepRun.objects.get(pk=step.step_run_id)
    runs = [
        another(
            run, pk=uuid4(), execution_id=each.execution_id, step_id=each.pk, lease_token=step.token + number
        )
        for number, each in enumerate(steps, 1)
    ]
    StepRun.objects.bulk_create(runs)
    return [
        replace(
            step,
            step_run_id=run.pk,
            execution_id=run.execution_id,
            step_id=run.step_id,
            token=run.lease_token,
        )
        for run in runs
    ]


def another(row: Any, **different: Any) -> Any:
    """The row once more, not stored yet, with these fields different."""
    made = copy(row)
    made._state = ModelState()
    for name, value in different.items():
        setattr(made, name, value)
    return made


def race(things: Sequence[Any], *actions: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
    """For each thing, all actions begin at one moment; what each returned or raised, round by round."""
    gate = threading.Barrier(len(actions), timeout=ROUND_S)
    results: list[list[Any]] = [[] for _ in actions]

    def body(number: int) -> None:
        try:
            for thing in things:
                gate.wait()
                try:
                    results[number].append(actions[number](thing))
                except Exception as error:  # noqa: BLE001  the caller looks at it
                    results[number].append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=body, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(each) == len(things) for each in results), "a round was not finished"
    return list(zip(*results, strict=True))


def assert_that_everything_fits() -> None:
    """Counters are those of the step runs, and each end is told once."""
    terminal = sorted(TERMINAL_STEP)
    assert fetch(_AT_ODDS, {"terminal": terminal}) == []
    assert fetch(_ENDINGS, {"terminal": sorted(TERMINAL_EXECUTION), "whole": True}) == []
    assert fetch(_ENDINGS, {"terminal": terminal, "whole": False}) == []
    assert fetch(_UNTOLD, {"terminal": terminal}) == []
