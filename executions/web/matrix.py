"""The steps of an execution with what became of each on each target."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import BadRequest
from django.db.models import Q

from executions.models import Execution, Step, StepRun
from executions.standing import Standing, what_it_waits_for
from executions.states import StepStatus
from executions.web.telling import elapsed_s

PAGE_SIZE = 200  # step runs
TROUBLE = (StepStatus.FAILED, StepStatus.TIMED_OUT, StepStatus.INTERRUPTED, StepStatus.CANCELLED)
_DAMAGED = "This page address is damaged. Start again from the list."
_CALM = (StepStatus.PENDING, StepStatus.READY)


@dataclass(frozen=True)
class Cell:
    """One step run as the page shows it."""

    run: StepRun
    is_chosen: bool
    waits_for: str

    @property
    def target(self) -> str:
        return self.run.asset.name if self.run.asset else "no target"

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took, or has been running; unknown when nobody saw its end."""
        if self.run.finished_at is None and self.run.status != StepStatus.RUNNING:
            return None
        return elapsed_s(self.run.started_at, self.run.finished_at)

    @property
    def says(self) -> str:
        """What it waits for, or why it ended as it did."""
        if self.waits_for:
            return f"waiting: {self.waits_for}"
        return self.run.detail or self.run.category.replace("_", " ")

    @property
    def is_unknown(self) -> bool:
        return self.run.status == StepStatus.INTERRUPTED

    @property
    def stop_is_unproven(self) -> bool:
        return self.run.stop_confirmed is False


@dataclass(frozen=True)
class Row:
    """A step with the cells of this page."""

    step: Step
    waits_for: str
    cells: list[Cell]


@dataclass(frozen=True)
class Matrix:
    """One page of it. `next` is the cursor of the following page, empty on the last."""

    rows: list[Row]
    next: str
    only_trouble: bool

    @property
    def runs(self) -> list[StepRun]:
        return [cell.run for row in self.rows for cell in row.cells]


def matrix_of(
    execution: Execution,
    user: AbstractBaseUser | AnonymousUser,
    *,
    chosen: StepRun | None,
    waits: Sequence[tuple[Standing, str]] = (),
    cursor: str = "",
    only_trouble: bool = False,
) -> Matrix:
    """The steps in their order, the targets of each by name, at most PAGE_SIZE step runs.

    `waits`: what the execution waits for now.
    """
    page = StepRun.objects.filter(_after(cursor), execution_id=execution.pk).order_by("position", "id")
    if only_trouble:
        page = page.filter(status__in=TROUBLE)
    # The page is cut out first, by its index, and only then held against what the person may see.
    found = StepRun.objects.visible_to(user).filter(pk__in=page.values("pk")[: PAGE_SIZE + 1])
    runs = list(found.select_related("asset", "step").order_by("position", "id"))
    following = runs[PAGE_SIZE - 1] if len(runs) > PAGE_SIZE else None
    names = _names(execution, runs)
    return Matrix(
        rows=[
            Row(step, _said(step.predecessors, names), _cells(of_step, chosen, waits))
            for step, of_step in groupby(runs[:PAGE_SIZE], key=lambda run: run.step)
        ],
        next=f"{following.position}.{following.pk}" if following else "",
        only_trouble=only_trouble,
    )


def chosen_run(execution: Execution, user: AbstractBaseUser | AnonymousUser, wanted: str) -> StepRun | None:
    """The step run whose output is shown: the wanted one, else what needs a person most."""
    runs = StepRun.objects.visible_to(user).filter(execution_id=execution.pk).select_related("asset", "step")
    if wanted:
        return runs.filter(pk=_uuid(wanted)).first()
    for states in (
        (StepStatus.INTERRUPTED,),
        (StepStatus.FAILED, StepStatus.TIMED_OUT),
        (StepStatus.RUNNING,),
    ):
        if found := runs.filter(status__in=states).order_by("position", "id").first():
            return found
    return runs.exclude(status__in=_CALM).order_by("-position", "-id").first()


def _after(cursor: str) -> Q:
    if not cursor:
        return Q()
    position, _, key = cursor.partition(".")
    if not position.isascii() or not position.isdecimal() or len(position) > 6:
        raise BadRequest(_DAMAGED)
    return Q(position__gt=int(position)) | Q(position=int(position), pk__gt=_uuid(key))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequest(_DAMAGED) from error


def _names(execution: Execution, runs: Iterable[StepRun]) -> dict[int, str]:
    needed = {position for run in runs for position in run.step.predecessors}
    found = Step.objects.filter(execution_id=execution.pk, position__in=needed)
    return {step.position: step.name or step.key for step in found.only("position", "name", "key")}


def _said(positions: Iterable[int], names: dict[int, str]) -> str:
    return ", ".join(names[position] for position in positions if position in names)


def _cells(
    runs: Iterable[StepRun], chosen: StepRun | None, waits: Sequence[tuple[Standing, str]]
) -> list[Cell]:
    cells = [
        Cell(run, chosen is not None and run.pk == chosen.pk, what_it_waits_for(run, waits)) for run in runs
    ]
    return sorted(cells, key=lambda cell: cell.target)
