"""The steps of a plan on chosen targets: those of a run that is on record, or what is left of it to do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from executions.plans.approved import approval_hash
from executions.plans.canonical import plan_hash
from executions.plans.freeze import FrozenPlan, FrozenStep, decided, frozen_step
from executions.plans.parse import Plan

Chosen = Mapping[str, Sequence[UUID | None]]


def part_of(frozen: FrozenPlan, chosen: Chosen) -> FrozenPlan:
    """Only these targets of each step (by its id); steps left empty fall out of the graph."""
    steps = narrowed(frozen.steps, chosen)
    return replace(
        frozen,
        steps=steps,
        step_run_count=sum(len(step.targets) for step in steps),
        approval_hash=hash_of(frozen.plan_hash, steps, is_part=True),
    )


def narrowed(steps: Sequence[FrozenStep], chosen: Chosen) -> tuple[FrozenStep, ...]:
    """The steps that have chosen targets, on those, renumbered."""
    kept = [step for step in steps if chosen.get(step.id)]
    number = {step.position: index for index, step in enumerate(kept)}
    return tuple(
        replace(
            step,
            position=number[step.position],
            targets=tuple(chosen[step.id]),
            depends_on=tuple(number[before] for before in step.depends_on if before in number),
        )
        for step in kept
    )


def on_record(plan: Plan, chosen: Chosen) -> tuple[FrozenStep, ...]:
    """The steps as they were frozen when these were their targets; no inventory is asked."""
    steps = [
        frozen_step(plan, index, tuple(target for target in chosen.get(step.id, ()) if target is not None))
        for index, step in enumerate(plan.steps)
    ]
    return narrowed(steps, chosen)


def hash_of(plan_digest: str, steps: Sequence[FrozenStep], *, is_part: bool = False) -> str:
    """What an approval of these steps is bound to. `is_part`: of a retry that leaves something out."""
    return approval_hash(plan_digest, map(decided, steps), is_part=is_part)


def is_bound(plan: Plan, steps: Sequence[FrozenStep], approved_hash: str) -> tuple[bool, bool]:
    """Whether the approval is for exactly this, and whether as a part."""
    digest = plan_hash(plan.canonical)
    as_part = hash_of(digest, steps, is_part=True) == approved_hash
    return as_part or hash_of(digest, steps) == approved_hash, as_part
