"""What must hold between the fields of one step, beyond the type of each."""

from collections.abc import Iterator

from executions.plans import risk
from executions.plans.errors import PlanProblem
from executions.plans.schema import CommandArguments, HttpArguments, ScriptArguments, Step
from executions.plans.selectors import BadSelector, is_selector, parse_selector
from safety.choices import ActionClass, Effect

NEEDS_TARGET = frozenset({"command", "script"})


def step_problems(step: Step, at: str, *, default_targets: bool) -> Iterator[PlanProblem]:
    """Contradictions inside one step; `at` is its place, `default_targets` whether the plan names some."""
    yield from _target_problems(step, at, default_targets=default_targets)
    yield from _argument_problems(step.with_, f"{at}.with")
    yield from _risk_problems(step, at)
    if step.verify is not None:
        yield from _argument_problems(step.verify.with_, f"{at}.verify.with")
        yield from _probe_problems(step, at)
    if step.on_cancel is not None:
        yield from _argument_problems(step.on_cancel.with_, f"{at}.on_cancel.with")
        yield from _clean_up_problems(step, at)


def selector_problems(targets: list[str], at: str) -> Iterator[PlanProblem]:
    """Selectors that cannot be read."""
    for index, target in enumerate(targets):
        if not is_selector(target):
            continue
        try:
            parse_selector(target)
        except BadSelector as error:
            yield PlanProblem(f"{at}[{index}]", "target.selector", str(error))


def _target_problems(step: Step, at: str, *, default_targets: bool) -> Iterator[PlanProblem]:
    if step.target is not None and step.targets is not None:
        yield PlanProblem(f"{at}.target", "field.conflict", "give either target or targets")
    if step.targets == []:
        yield PlanProblem(f"{at}.targets", "target.empty", "names 0 assets", "leave it out, or name some")
    if step.targets is None and step.target is None and not default_targets and step.kind in NEEDS_TARGET:
        hint = "name a target here or targets for the whole plan"
        yield PlanProblem(f"{at}.target", "target.missing", f"a {step.kind} step needs a target", hint)
    yield from selector_problems(step.targets or [], f"{at}.targets")
    if step.target is not None:
        for problem in selector_problems([step.target], at):
            yield PlanProblem(f"{at}.target", problem.code, problem.message)


def _argument_problems(arguments: object, at: str) -> Iterator[PlanProblem]:
    if isinstance(arguments, HttpArguments):
        if arguments.body is not None and "json_" in arguments.model_fields_set:
            yield PlanProblem(f"{at}.body", "param.conflict", "give either body or json")
    elif isinstance(arguments, CommandArguments | ScriptArguments):
        for name in sorted(arguments.env.keys() & arguments.secrets.keys()):
            yield PlanProblem(f"{at}.env.{name}", "param.conflict", "stands in secrets too")


def _risk_problems(step: Step, at: str) -> Iterator[PlanProblem]:
    action, effect = risk.action_class(step), risk.effect(step)
    least = risk.least_action_class(step)
    if risk.is_below(action, least):
        message = f"this step is at least {least.value}"
        yield PlanProblem(f"{at}.action_class", "action_class.too_low", message)
    elif effect is Effect.READ and action is not ActionClass.READ:
        message = f"a step that may {action.value} something has no read effect"
        yield PlanProblem(
            f"{at}.effect", "effect.contradiction", message, "declare idempotent if repeating is safe"
        )
    if step.retries and effect is Effect.UNSAFE:
        hint = "declare effect idempotent, or checkable with a verify probe, if that is true"
        yield PlanProblem(
            f"{at}.retries", "retries.unsafe_step", "a step that is not safe to repeat has no retries", hint
        )
    if effect is Effect.CHECKABLE and step.verify is None:
        yield PlanProblem(f"{at}.verify", "verify.missing", "a checkable step needs a verify probe")


def _probe_problems(step: Step, at: str) -> Iterator[PlanProblem]:
    if step.verify is None:
        return
    if risk.effect(step) is not Effect.CHECKABLE:
        message = "is only asked when the effect is checkable"
        yield PlanProblem(f"{at}.verify", "verify.unused", message)
    probe = step.verify.with_
    if isinstance(probe, HttpArguments) and probe.method not in risk.READ_METHODS:
        message = f"a probe only reads: {', '.join(sorted(risk.READ_METHODS))}"
        yield PlanProblem(f"{at}.verify.with.method", "verify.not_read", message)


def _clean_up_problems(step: Step, at: str) -> Iterator[PlanProblem]:
    """A clean-up acts, so its step is no read, and where it runs is where its step does."""
    if step.on_cancel is None:
        return
    if risk.action_class(step) is ActionClass.READ:
        message = "a step that only reads has nothing to clean up"
        yield PlanProblem(
            f"{at}.on_cancel",
            "on_cancel.read",
            message,
            "declare action_class modify if it changes something",
        )
    has_target = step.kind in NEEDS_TARGET or step.target is not None or step.targets
    if step.on_cancel.kind in NEEDS_TARGET and not has_target:
        message = f"a {step.on_cancel.kind} needs a target, and this step has none"
        yield PlanProblem(f"{at}.on_cancel.kind", "on_cancel.target", message, "name a target for the step")
