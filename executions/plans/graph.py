"""What waits for what inside a plan, as positions of steps."""

from collections import deque
from collections.abc import Sequence

from executions.plans.errors import PlanProblem, shown

Edges = tuple[tuple[int, ...], ...]


def dependencies(
    ids: Sequence[str | None], declared: Sequence[Sequence[str] | None]
) -> tuple[Edges, list[PlanProblem]]:
    """For each step the positions it waits for; None declared means the step before it.

    A step without a usable id (None) is reported elsewhere and cannot be waited for by name.
    """
    problems: list[PlanProblem] = []
    positions: dict[str, int] = {}
    for position, step_id in enumerate(ids):
        if step_id is None:
            continue
        if step_id in positions:
            message = f"the id {shown(step_id)} is taken by steps[{positions[step_id]}]"
            problems.append(PlanProblem(f"steps[{position}].id", "step.id_duplicate", message))
        positions.setdefault(step_id, position)
    edges: list[tuple[int, ...]] = []
    for position, names in enumerate(declared):
        if names is None:
            edges.append((position - 1,) if position else ())
            continue
        edges.append(tuple(sorted({positions[name] for name in names if name in positions})))
        problems += [
            PlanProblem(
                f"steps[{position}].depends_on[{index}]",
                "step.depends_unknown",
                f"there is no step with the id {shown(name)}",
            )
            for index, name in enumerate(names)
            if name not in positions
        ]
    return tuple(edges), problems


def running_order(edges: Edges) -> list[int]:
    """Positions so that each comes after what it waits for; cycles and what waits for them are left out."""
    followers: list[list[int]] = [[] for _ in edges]
    for position, needed in enumerate(edges):
        for other in needed:
            followers[other].append(position)
    missing = [len(needed) for needed in edges]
    free = deque(position for position, count in enumerate(missing) if count == 0)
    order = []
    while free:
        position = free.popleft()
        order.append(position)
        for follower in followers[position]:
            missing[follower] -= 1
            if missing[follower] == 0:
                free.append(follower)
    return order


def cycle(edges: Edges) -> list[int]:
    """Positions of one cycle, each waiting for the next, the last for the first; empty without one."""
    stuck = set(range(len(edges))) - set(running_order(edges))
    if not stuck:
        return []
    # Every stuck step waits for another stuck one, so following them must come round.
    path: list[int] = []
    seen: dict[int, int] = {}
    position = min(stuck)
    while position not in seen:
        seen[position] = len(path)
        path.append(position)
        position = next(other for other in edges[position] if other in stuck)
    return path[seen[position] :]


def longest_path(edges: Edges, durations: Sequence[float]) -> float:
    """Seconds from the first step to the last when nothing has to wait for a worker."""
    finished = [0.0] * len(edges)
    for position in running_order(edges):
        finished[position] = durations[position] + max((finished[i] for i in edges[position]), default=0.0)
    return max(finished, default=0.0)
