"""How dangerous and how long a step or plan is, and what follows from it."""

from collections.abc import Iterable, Mapping

from executions.plans.schema import CommandStep, HttpStep, ScriptStep, Step, WaitStep
from safety.choices import ActionClass, Effect, Environment, SlaClass

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT_METHODS = frozenset({"PUT", "DELETE"})
DEFAULT_ESTIMATE_S: Mapping[str, float] = {"http": 2, "command": 3, "script": 5}
FAST_BELOW_S = 10
MEDIUM_UP_TO_S = 30
STEP_BY_STEP = 3  # the approval level at which steps are let in one by one
IMMEDIATE_STEP_RUNS = 20  # more than this never blocks a caller unless the plan asks for it

_CLASSES = list(ActionClass)
_ENVIRONMENTS = list(Environment)


def derived_action_class(step: Step) -> ActionClass:
    """What the step can do judged by its kind alone; a command can do anything short of a declared deploy."""
    if isinstance(step, WaitStep) or (isinstance(step, HttpStep) and step.with_.method in READ_METHODS):
        return ActionClass.READ
    return ActionClass.MODIFY


def least_action_class(step: Step) -> ActionClass:
    """The lowest class an author may declare; only a command or script can be called a read."""
    if isinstance(step, CommandStep | ScriptStep):
        return ActionClass.READ
    return derived_action_class(step)


def action_class(step: Step) -> ActionClass:
    """The declared class, else the derived one."""
    return ActionClass(step.action_class) if step.action_class else derived_action_class(step)


def is_below(left: ActionClass, right: ActionClass) -> bool:
    """Whether `left` can do less than `right`."""
    return _CLASSES.index(left) < _CLASSES.index(right)


def effect(step: Step) -> Effect:
    """What may happen after a lost worker: declared, else derived; unsafe when in doubt."""
    if step.effect:
        return Effect(step.effect)
    if action_class(step) is ActionClass.READ:
        return Effect.READ
    if step.verify is not None:
        return Effect.CHECKABLE
    if isinstance(step, HttpStep) and step.with_.method in IDEMPOTENT_METHODS:
        return Effect.IDEMPOTENT
    return Effect.UNSAFE


def estimate_s(step: Step, target_count: int) -> float:
    """Expected seconds for all its targets; with `max_parallel` they go in waves."""
    if step.estimate is not None:
        once = step.estimate
    else:
        once = step.with_.seconds if isinstance(step, WaitStep) else DEFAULT_ESTIMATE_S[step.kind]
        once = once if step.timeout is None else min(once, step.timeout)
    waves = -(-target_count // step.max_parallel) if step.max_parallel else 1
    return once * waves


def sla_class(seconds: float) -> SlaClass:
    """Fast below 10 s, medium up to 30 s, long above."""
    if seconds < FAST_BELOW_S:
        return SlaClass.FAST
    return SlaClass.MEDIUM if seconds <= MEDIUM_UP_TO_S else SlaClass.LONG


def highest_class(classes: Iterable[ActionClass]) -> ActionClass:
    """The most far-reaching of the classes; read when there are none."""
    return max(classes, key=_CLASSES.index, default=ActionClass.READ)


def highest_environment(environments: Iterable[str]) -> Environment:
    """The most precious of the environments; dev when there are none."""
    return max(map(Environment, environments), key=_ENVIRONMENTS.index, default=Environment.DEV)


def run_mode(asked: str, sla: SlaClass, step_runs: int) -> str:
    """`immediate` for a fast plan that asks for it, or is small and leaves the choice; else `background`."""
    small = asked == "auto" and step_runs <= IMMEDIATE_STEP_RUNS
    return "immediate" if sla is SlaClass.FAST and (asked == "immediate" or small) else "background"
