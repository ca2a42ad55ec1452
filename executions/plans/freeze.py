"""Binds a plan to the assets it means now; the result is what is approved and run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings

from executions.plans import graph, risk
from executions.plans.approved import approval_hash
from executions.plans.canonical import plan_hash
from executions.plans.errors import PlanInvalid, PlanProblem, by_setting
from executions.plans.holds import Holds, ResourceItem, hold_problems, holds_of
from executions.plans.parse import Plan
from executions.plans.rules import NEEDS_TARGET
from executions.plans.schema import Step, Strict
from executions.plans.selectors import InventoryItem
from executions.plans.targets import TargetFinder
from safety.choices import ActionClass, Effect, Environment, SlaClass

PRIORITIES: Mapping[str, int] = {"urgent": 0, "normal": 1, "bulk": 2}


@dataclass(frozen=True, kw_only=True)
class FrozenStep:
    """One step with everything decided.

    spec: canonical JSON of the step with the defaults of `with` and `expect` filled in;
    timeout_s None: the policy's; max_parallel None: all at once; depends_on: positions of steps;
    targets: asset ids in order of their names, or (None,) when the step acts on no asset.
    """

    position: int
    id: str
    name: str
    kind: str
    spec: dict[str, Any]
    action_class: ActionClass
    effect: Effect
    timeout_s: float | None
    retries: int
    on_failure: str
    max_parallel: int | None
    estimate_s: float
    depends_on: tuple[int, ...]
    targets: tuple[UUID | None, ...]


@dataclass(frozen=True, kw_only=True)
class FrozenPlan:
    """A plan that can run.

    canonical: the bytes that are stored and run; approval_hash: what an approval is bound to, the canonical
    plan with resolved targets and derived risk; mode: `immediate` or `background`; priority: 0 urgent,
    1 normal, 2 bulk; changes_assets, shares_assets: sorted ids of the assets to hold while it runs, alone or
    beside others; resources: ids of resources and how much of each; max_wait_s: for all these, None: the limit.
    touches: every pair of environment and action class that its steps meet, a step without an asset counted where
    the plan is. approval_level: what the plan itself asks for, until the policy (`approval_policy`) raised it;
    approval_quorum: how many people have to approve it, of each of approval_groups where there are some;
    approval_s: how soon the request for it expires at the latest, by that policy.
    """

    name: str
    canonical: bytes
    plan_hash: str
    approval_hash: str
    sla: SlaClass
    action_class: ActionClass
    environment: Environment
    touches: tuple[tuple[Environment, ActionClass], ...]
    mode: str
    priority: int
    approval_level: int
    approval_policy: str = ""
    approval_quorum: int = 1
    approval_groups: tuple[str, ...] = ()
    approval_s: int | None = None
    on_busy: str
    max_wait_s: float | None
    changes_assets: tuple[UUID, ...]
    shares_assets: tuple[UUID, ...]
    resources: tuple[tuple[UUID, int], ...]
    steps: tuple[FrozenStep, ...]
    estimate_s: float
    step_run_count: int

    def gated_steps(self) -> frozenset[int]:
        """Positions of the steps that are approved once more before they begin: at level 3 those that the plan marks
        as approval points, else every step that changes something."""
        return gated_positions(self.approval_level, self.steps)


def gated_positions(level: int, steps: Sequence[FrozenStep]) -> frozenset[int]:
    """Those of the steps that wait to be let in where a run is at this level."""
    if level < risk.STEP_BY_STEP:
        return frozenset()
    marked = {step.position for step in steps if step.spec.get("approval_point")}
    changing = {step.position for step in steps if step.action_class is not ActionClass.READ}
    return frozenset(marked or changing)


def freeze(
    plan: Plan, inventory: Sequence[InventoryItem], resources: Sequence[ResourceItem] = ()
) -> FrozenPlan:
    """Resolve the targets among `inventory`, which holds the tenant's assets only, and derive the risk.

    `resources`: those of the tenant that the plan names.

    Raises:
      PlanInvalid: Unknown or empty targets, unknown resources, or more of something than allowed.
    """
    finder = TargetFinder(inventory)
    chosen = _resolve(plan, finder)
    steps = tuple(
        frozen_step(plan, index, tuple(item.id for item in items)) for index, items in enumerate(chosen)
    )
    touched = {item.id: item for items in chosen for item in items}
    problems = [
        *finder.problems,
        *hold_problems(plan.header, resources),
        *_limit_problems(len(touched), steps),
    ]
    if problems:
        raise PlanInvalid(problems)
    return _frozen_plan(plan, steps, touched, holds_of(plan.header, steps, resources))


def _frozen_plan(
    plan: Plan, steps: tuple[FrozenStep, ...], touched: Mapping[UUID, InventoryItem], holds: Holds
) -> FrozenPlan:
    seconds = graph.longest_path(plan.waits_for, [step.estimate_s for step in steps])
    sla = risk.sla_class(seconds)
    action = risk.highest_class([*(step.action_class for step in steps), holds.action_class])
    environment = risk.highest_environment(item.environment for item in touched.values())
    step_runs = sum(len(step.targets) for step in steps)
    digest = plan_hash(plan.canonical)
    return FrozenPlan(
        name=plan.name,
        canonical=plan.canonical,
        plan_hash=digest,
        approval_hash=approval_hash(digest, map(decided, steps)),
        sla=sla,
        action_class=action,
        environment=environment,
        touches=_touches(steps, touched, environment, holds),
        mode=risk.run_mode(plan.header.mode, sla, step_runs),
        priority=PRIORITIES[plan.header.priority],
        approval_level=_asked_level(plan),
        on_busy=plan.header.on_busy,
        max_wait_s=plan.header.max_wait,
        changes_assets=holds.changes_assets,
        shares_assets=holds.shares_assets,
        resources=holds.resources,
        steps=steps,
        estimate_s=seconds,
        step_run_count=step_runs,
    )


def _asked_level(plan: Plan) -> int:
    """The level that the plan asks for; whoever marks approval points asks for a run step by step."""
    marked = any(step.approval_point for step in plan.steps)
    return risk.STEP_BY_STEP if marked else plan.header.approval_level


def _resolve(plan: Plan, finder: TargetFinder) -> list[tuple[InventoryItem, ...]]:
    """The assets of each step; the plan's own targets serve only the kinds that need one."""
    default = finder.find(plan.header.targets, "targets") if plan.header.targets else ()
    chosen = []
    for index, step in enumerate(plan.steps):
        if step.target is not None:
            chosen.append(finder.find([step.target], f"steps[{index}].target", single=True))
        elif step.targets is not None:
            chosen.append(finder.find(step.targets, f"steps[{index}].targets"))
        else:
            chosen.append(default if step.kind in NEEDS_TARGET else ())
    return chosen


def frozen_step(plan: Plan, index: int, targets: tuple[UUID, ...]) -> FrozenStep:
    """The step at this position of the plan, on these targets."""
    step = plan.steps[index]
    return FrozenStep(
        position=index,
        id=step.id,
        name=step.name or step.id,
        kind=step.kind,
        spec=_spec(plan.document["steps"][index], step),
        action_class=risk.action_class(step),
        effect=risk.effect(step),
        timeout_s=step.timeout,
        retries=step.retries,
        on_failure=step.on_failure,
        max_parallel=step.max_parallel,
        estimate_s=risk.estimate_s(step, max(1, len(targets))),
        depends_on=plan.waits_for[index],
        targets=targets or (None,),
    )


def _spec(document: Mapping[str, Any], step: Step) -> dict[str, Any]:
    spec = {**document, "with": _filled(document["with"], step.with_)}
    if (expect := getattr(step, "expect", None)) is not None:
        spec["expect"] = _filled(document.get("expect", {}), expect)
    if step.verify is not None:
        probe = document["verify"]
        spec["verify"] = {
            "kind": step.verify.kind,
            "with": _filled(probe["with"], step.verify.with_),
            "expect": _filled(probe.get("expect", {}), step.verify.expect),
        }
    if step.on_cancel is not None:
        action = document["on_cancel"]
        spec["on_cancel"] = {**action, "with": _filled(action["with"], step.on_cancel.with_)}
    return spec


def _filled(written: Mapping[str, Any], model: Strict) -> dict[str, Any]:
    return {**filled_defaults(type(model)), **written}


@cache
def filled_defaults(model: type[Strict]) -> Mapping[str, Any]:
    """The defaults of a model that say something; empty ones stay out of the record."""
    fields = model.model_fields.items()
    return {
        field.alias or name: field.default
        for name, field in fields
        if field.default and not field.is_required()
    }


def decided(step: FrozenStep) -> dict[str, Any]:
    """What of a step is approved."""
    return {
        "id": step.id,
        "targets": step.targets,
        "action_class": step.action_class.value,
        "effect": step.effect.value,
        "timeout": step.timeout_s,
        "retries": step.retries,
        "spec": step.spec,
    }


def _touches(
    steps: Iterable[FrozenStep], touched: Mapping[UUID, InventoryItem], highest: Environment, holds: Holds
) -> tuple[tuple[Environment, ActionClass], ...]:
    pairs = {(Environment(touched[asset].environment), holds.action_class) for asset in holds.shares_assets}
    pairs |= {(highest, holds.action_class)} if holds.resources else set()
    pairs |= {
        (highest if target is None else Environment(touched[target].environment), step.action_class)
        for step in steps
        for target in step.targets
    }
    return tuple(sorted(pairs))


def _limit_problems(assets: int, steps: Iterable[FrozenStep]) -> Iterator[PlanProblem]:
    limit = settings.OPSC["PLAN_MAX_TARGETS"]
    if assets > limit:
        message = f"the steps have {assets} targets; at most {limit} are allowed"
        yield PlanProblem("steps", "target.too_many", message, by_setting("PLAN_MAX_TARGETS"))
    step_runs, limit = sum(len(step.targets) for step in steps), settings.OPSC["PLAN_MAX_STEP_RUNS"]
    if step_runs > limit:
        message = f"{step_runs} step runs (steps times targets); at most {limit} are allowed"
        yield PlanProblem("steps", "step_runs.too_many", message, by_setting("PLAN_MAX_STEP_RUNS"))
