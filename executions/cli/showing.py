"""An execution as lines and tables for people."""

from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from executions.budget import budget_of
from executions.cancel_words import cancel_words
from executions.cli.describing import output_of, step_runs
from executions.cli.plain import one_line, plain
from executions.fresh import FROM_LEVEL
from executions.limits import reached
from executions.models import Approval, Execution, StepRun
from executions.standing import Standing, waits_of, what_it_waits_for
from executions.states import StepStatus
from executions.stepwise import waiting_gates
from executions.switches import holding
from executions.voting import Tally

MOST_ROWS = 500
MOST_SAID = 100  # characters of a step's last line
Waits = list[tuple[Standing, str]]
COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "partial": "yellow",
    "cancelled": "yellow",
    "needs_attention": "magenta",
    "interrupted": "magenta",
    "running": "cyan",
}


def show_header(console: Console, execution: Execution) -> None:
    """What it is, where it stands, and why."""
    title = Text(f"{one_line(execution.name, 200)}  ")
    title.append(execution.get_status_display(), style=COLOURS.get(execution.status, ""))
    console.print(title)
    for label, value in _facts(execution):
        console.print(Text(f"  {label:<13}{value}"), soft_wrap=True)


def show_steps(console: Console, execution: Execution) -> None:
    """One row for each step run, with what it said last."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
    for heading in ("step", "target", "state", "attempt", "seconds", "exit", "says"):
        table.add_column(
            heading, overflow="fold", justify="right" if heading in ("attempt", "seconds", "exit") else "left"
        )
    runs, waits = step_runs(execution), waits_of(execution)
    for run in islice(runs, MOST_ROWS):
        table.add_row(*_cells(run, waits))
    console.print(table)
    if next(runs, None) is not None:
        console.print(Text(f"… {execution.total_runs - MOST_ROWS} more step runs; --json gives all of them"))


def show_output(console: Console, execution: Execution) -> None:
    """What every step run said, as stored: masked, and without terminal sequences."""
    for run in step_runs(execution):
        head = f"── {run.step.key}" + (f" on {one_line(run.asset.name, 80)}" if run.asset else "")
        console.print(Text(f"{head} · attempt {run.attempt} · {run.pk}", style="dim"), soft_wrap=True)
        said = "".join(text for _, text in output_of(run))
        if said:
            console.print(Text(plain(said).rstrip("\n")), soft_wrap=True)


def _facts(execution: Execution) -> list[tuple[str, str]]:
    ended = execution.finished_at and execution.started_at
    took = f"{(execution.finished_at - execution.started_at).total_seconds():.1f} s" if ended else ""  # type: ignore[operator]
    before = execution.retry_of
    facts = [
        ("id", str(execution.pk)),
        ("reason", one_line(execution.status_reason, 500)),
        ("cancel", one_line(cancel_words(execution), 500)),
        ("requested by", f"{execution.requested_by.get_username()} for {execution.tenant.slug}"),
        (
            "runs as",
            f"{execution.mode}, {execution.sla}, {execution.action_class} in {execution.environment}",
        ),
        ("approval", _approval(execution)),
        ("runs again", f"after {before.short_id}, which {before.past}" if before else ""),
        ("done", f"{execution.total_runs - execution.open_runs} of {execution.total_runs} step runs"),
        ("took", took),
        ("time", budget_of(execution).sentence),
        *(("held back", words) for words in _held_back(execution)),
        *(("waits for", words) for words in _to_let_in(execution)),
    ]
    return [(label, value) for label, value in facts if value]


def _approval(execution: Execution) -> str:
    """Its level and hash, and where the votes stand."""
    if not execution.approval_level:
        return ""
    asked = (Approval.Status.REQUESTED, Approval.Status.APPROVED)
    approval = Approval.objects.filter(execution=execution, level__gte=FROM_LEVEL, status__in=asked).first()
    votes = f"; {Tally(execution, approval).sentence}" if approval else ""
    return one_line(f"level {execution.approval_level}, {execution.approval_hash[:12]}{votes}", 500)


def _to_let_in(execution: Execution) -> list[str]:
    """The steps at level 3 that somebody has to let in."""
    approve = f"manage.py approve {execution.short_id}"
    return [
        f"an approval of the step {gate.step.key}: {approve} --step {gate.step.key}"
        for gate in waiting_gates(execution)
    ]


def _held_back(execution: Execution) -> list[str]:
    """The switches and limits for which it waits, each with who can end that."""
    off = [
        f"switched off ({switch.scope}) by {switch.told_by}: {switch.reason}" for switch in holding(execution)
    ]
    return [one_line(words, 500) for words in (*off, *(f"{one}; {one.remedy}" for one in reached(execution)))]


def _cells(run: StepRun, waits: Waits) -> tuple[Text, ...]:
    took = ""
    if run.started_at and run.finished_at:
        took = f"{(run.finished_at - run.started_at).total_seconds():.2f}"
    texts: list[Any] = [
        run.step.key,
        run.asset.name if run.asset else "",
        None,
        run.attempt or "",
        took,
        "" if run.exit_code is None else run.exit_code,
        _says(run, waits),
    ]
    cells = [Text(one_line(str(text), MOST_SAID)) for text in texts]
    cells[2] = Text(run.get_status_display(), style=COLOURS.get(run.status, ""))
    return tuple(cells)


def _says(run: StepRun, waits: Waits) -> str:
    """Why it waits or did not succeed; else the last line that it printed."""
    if waited := what_it_waits_for(run, waits):
        return f"waiting for {waited}"
    if run.status != StepStatus.SUCCEEDED and run.detail:
        cleaned = "" if run.cleaned_up is not False else f"clean-up failed: {run.cleanup_detail}; "
        return cleaned + run.detail
    lines = plain(run.summary).strip().splitlines()
    return lines[-1] if lines else run.detail
