"""What a plan has to hold while it runs: assets alone or beside others, and so much of named resources."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.conf import settings

from executions.plans.errors import PlanProblem, by_setting, shown
from executions.plans.schema import PlanHeader
from safety.choices import ActionClass


@dataclass(frozen=True)
class ResourceItem:
    """A named resource of the tenant, as a plan sees it."""

    id: UUID
    name: str
    capacity: int


class Touching(Protocol):
    """A step and the assets that it acts on."""

    @property
    def action_class(self) -> ActionClass: ...
    @property
    def targets(self) -> tuple[UUID | None, ...]: ...


@dataclass(frozen=True)
class Holds:
    """Sorted ids of assets, and ids of resources with how much of each."""

    changes_assets: tuple[UUID, ...]
    shares_assets: tuple[UUID, ...]
    resources: tuple[tuple[UUID, int], ...]

    @property
    def action_class(self) -> ActionClass:
        """What holding others up counts as: a plan that only reads and waits can keep a resource for days."""
        return ActionClass.MODIFY if self.resources or self.shares_assets else ActionClass.READ


def holds_of(header: PlanHeader, steps: Iterable[Touching], resources: Sequence[ResourceItem]) -> Holds:
    """What any step changes is held alone; with `lock_reads` what is only read is held beside other readers."""
    changes: set[UUID] = set()
    reads: set[UUID] = set()
    for step in steps:
        held = reads if step.action_class is ActionClass.READ else changes
        held.update(target for target in step.targets if target is not None)
    by_name = {item.name: item for item in resources}
    return Holds(
        changes_assets=tuple(sorted(changes)),
        shares_assets=tuple(sorted(reads - changes)) if header.lock_reads else (),
        resources=tuple(
            sorted(
                (by_name[one.name].id, one.quantity) for one in header.resources or () if one.name in by_name
            )
        ),
    )


def hold_problems(header: PlanHeader, resources: Sequence[ResourceItem]) -> Iterator[PlanProblem]:
    """Resources that the tenant does not have, or not so much of, and a wait beyond the limit."""
    by_name = {item.name: item for item in resources}
    for index, wanted in enumerate(header.resources or ()):
        at = f"resources[{index}]"
        item = by_name.get(wanted.name)
        if item is None:
            message = f"there is no resource {shown(wanted.name)}"
            yield PlanProblem(f"{at}.name", "resource.unknown", message, "a tenant admin can add it")
        elif wanted.quantity > item.capacity:
            message = f"there are only {item.capacity} of {shown(wanted.name)}"
            yield PlanProblem(f"{at}.quantity", "resource.too_many", message, "a tenant admin can change it")
    longest = settings.OPSC["LOCK_WAIT_S"]
    if header.max_wait is not None and header.max_wait > longest:
        message = f"must be at most {longest:g} s"
        yield PlanProblem("max_wait", "max_wait.too_long", message, by_setting("LOCK_WAIT_S"))


def resource_problems(header: PlanHeader) -> Iterator[PlanProblem]:
    """A resource that is named twice."""
    seen: set[str] = set()
    for index, wanted in enumerate(header.resources or ()):
        if wanted.name in seen:
            message = f"{shown(wanted.name)} stands here twice"
            yield PlanProblem(f"resources[{index}].name", "field.duplicate", message, "add the quantities")
        seen.add(wanted.name)
