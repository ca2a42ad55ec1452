"""From submitted bytes to a checked plan, with all problems at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from executions.plans import graph
from executions.plans.canonical import canonical_bytes, normal_form
from executions.plans.document import read_document
from executions.plans.errors import PlanInvalid, PlanProblem, by_setting, place, safe_place
from executions.plans.explain import explain, nearest, unknown_kind
from executions.plans.holds import resource_problems
from executions.plans.rules import selector_problems, step_problems
from executions.plans.schema import STEP_KINDS, PlanHeader, Step
from executions.plans.selectors import asset_id, is_selector
from safety.secrets.literals import likely_secrets

LITERAL_HINT = (
    'put the value into a secret store and write {"secret": "store:path#key"} in its place; '
    "if it is none, a tenant admin may say so when submitting"
)


@dataclass(frozen=True)
class Plan:
    """A plan that is right in itself; whether its targets exist is asked by `freeze`.

    document: the normal form; waits_for: for each step the positions of the steps it waits for;
    likely_secrets: place and kind of what looks like a secret value and was let through.
    """

    header: PlanHeader
    steps: tuple[Step, ...]
    waits_for: graph.Edges
    document: Mapping[str, Any]
    canonical: bytes
    likely_secrets: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.header.name

    def resource_names(self) -> frozenset[str]:
        """Names of the resources that `freeze` needs."""
        return frozenset(wanted.name for wanted in self.header.resources or ())

    def target_names(self) -> frozenset[str] | None:
        """Names and ids (in lower case) of the assets that `freeze` needs; None when a selector needs all."""
        names = set(self.header.targets or ())
        for step in self.steps:
            names.update(step.targets or ())
            if step.target is not None:
                names.add(step.target)
        if any(map(is_selector, names)):
            return None
        return frozenset(str(asset_id(name) or name) for name in names)


def parse_plan(raw: bytes | str | Mapping[str, Any], *, allow_likely_secrets: bool = False) -> Plan:
    """A plan in JSON (or as JSON data), checked as far as possible without knowing any asset.

    `allow_likely_secrets`: for stored plans, and where somebody who may says that they are none.

    Raises:
      PlanInvalid: Every problem found, at most 50; nothing secret is repeated in it.
    """
    document = read_document(raw)
    likely = tuple((safe_place(path), kind) for path, kind in likely_secrets(document))
    problems = [
        PlanProblem(path, "secret.literal", f"looks like a secret value ({kind})", LITERAL_HINT)
        for path, kind in (() if allow_likely_secrets else likely)
    ]
    header = _header(document, problems)
    raw_steps = _raw_steps(document, problems)
    default_targets = header is None or bool(header.targets)
    steps = [_step(raw_step, index, problems) for index, raw_step in enumerate(raw_steps)]
    for index, step in enumerate(steps):
        if step is not None:
            problems += step_problems(step, f"steps[{index}]", default_targets=default_targets)
    waits_for = _graph(raw_steps, problems)
    if problems or header is None:
        raise PlanInvalid(problems)
    form = normal_form(document)
    whole = tuple(step for step in steps if step is not None)
    return Plan(header, whole, waits_for, form, canonical_bytes(form), likely)


def _header(document: Mapping[str, Any], problems: list[PlanProblem]) -> PlanHeader | None:
    try:
        header = PlanHeader.model_validate({key: value for key, value in document.items() if key != "steps"})
    except ValidationError as error:
        problems += map(_suggest_steps, explain(error, (), PlanHeader))
        return None
    if header.targets == []:
        problems.append(
            PlanProblem("targets", "target.empty", "names 0 assets", "leave it out, or name some")
        )
    problems += selector_problems(header.targets or [], "targets")
    problems += resource_problems(header)
    return header


def _suggest_steps(problem: PlanProblem) -> PlanProblem:
    """The steps are validated apart from the header, which so does not know their key."""
    if problem.code != "field.unknown" or "." in problem.path:
        return problem
    known = ["steps", *PlanHeader.model_fields]
    return PlanProblem(problem.path, problem.code, problem.message, nearest(problem.path, known))


def _raw_steps(document: Mapping[str, Any], problems: list[PlanProblem]) -> list[Any]:
    steps = document.get("steps")
    limit = settings.OPSC["PLAN_MAX_STEPS"]
    if "steps" not in document:
        problems.append(PlanProblem("steps", "field.missing", "is required"))
    elif not isinstance(steps, list):
        problems.append(PlanProblem("steps", "field.type", "must be a list"))
    elif not steps:
        problems.append(PlanProblem("steps", "steps.empty", "a plan needs at least one step"))
    elif len(steps) > limit:
        message = f"{len(steps)} steps; at most {limit} are allowed"
        problems.append(PlanProblem("steps", "steps.too_many", message, by_setting("PLAN_MAX_STEPS")))
    else:
        return steps
    return []


def _step(raw: Any, index: int, problems: list[PlanProblem]) -> Step | None:
    at = ("steps", index)
    if not isinstance(raw, dict):
        problems.append(PlanProblem(place(at), "field.type", "must be an object"))
        return None
    kind = raw.get("kind")
    if "kind" not in raw:
        hint = f"known: {', '.join(STEP_KINDS)}"
        problems.append(PlanProblem(place((*at, "kind")), "field.missing", "is required", hint))
        return None
    model = STEP_KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        problems.append(unknown_kind(place((*at, "kind")), kind))
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems += explain(error, at, model)
        return None


def _graph(raw_steps: list[Any], problems: list[PlanProblem]) -> graph.Edges:
    """The graph of whatever is readable, so that a typo elsewhere does not hide a cycle."""
    objects = [raw if isinstance(raw, dict) else {} for raw in raw_steps]
    ids = [raw["id"] if isinstance(raw.get("id"), str) else None for raw in objects]
    waits_for, found = graph.dependencies(ids, [_declared(raw) for raw in objects])
    problems += found
    problems += _cycle_problems(waits_for, ids)
    return waits_for


def _declared(raw: Mapping[str, Any]) -> list[str] | None:
    declared = raw.get("depends_on")
    return [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else None


def _cycle_problems(waits_for: graph.Edges, ids: list[str | None]) -> Iterator[PlanProblem]:
    positions = graph.cycle(waits_for)
    if positions:
        names = [ids[position] or f"steps[{position}]" for position in [*positions, positions[0]]]
        shown_names = names if len(names) <= 12 else [*names[:6], "…", *names[-5:]]
        message = "waits for itself: " + " -> ".join(place([name]) for name in shown_names)
        hint = "a step without depends_on waits for the step before it; write [] for none"
        yield PlanProblem(f"steps[{positions[0]}].depends_on", "step.cycle", message, hint)
