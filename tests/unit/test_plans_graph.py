"""What waits for what: defaults, cycles by name, the longest path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.plans import PlanInvalid, graph, parse_plan


def step(step_id, depends_on=None):
    fields = {} if depends_on is None else {"depends_on": depends_on}
    return {"id": step_id, "kind": "wait", "with": {"seconds": 1}, **fields}


def parsed(*steps):
    return parse_plan({"version": 1, "name": "t", "steps": list(steps)})


def problems(*steps):
    with pytest.raises(PlanInvalid) as caught:
        parsed(*steps)
    return caught.value.problems


def test_a_step_waits_for_the_one_before_it_unless_it_says_otherwise():
    plan = parsed(step("a"), step("b"), step("c", []), step("d", ["a", "c", "a"]))
    assert plan.waits_for == ((), (0,), (), (0, 2))


def test_a_step_may_wait_for_a_later_one():
    assert parsed(step("a", ["b"]), step("b", [])).waits_for == ((1,), ())


def test_waiting_for_an_unknown_step_is_refused():
    problem = problems(step("a"), step("b", ["a", "x"]))[0]
    assert (problem.path, problem.code) == ("steps[1].depends_on[1]", "step.depends_unknown")
    assert problem.message == "there is no step with the id x"


def test_a_step_that_waits_for_itself_is_a_cycle():
    problem = problems(step("a", ["a"]))[0]
    assert (problem.code, problem.message) == ("step.cycle", "waits for itself: a -> a")


def test_a_cycle_is_named_from_step_to_step():
    found = problems(step("z", []), step("a", ["c"]), step("b", ["a"]), step("c", ["b"]), step("d"))
    assert [problem.code for problem in found] == ["step.cycle"]
    assert found[0].message == "waits for itself: a -> c -> b -> a"


def test_a_cycle_through_the_default_order_is_found():
    found = problems(step("a", ["b"]), step("b"))
    assert found[0].message == "waits for itself: a -> b -> a"


def test_two_steps_with_one_id_are_refused():
    problem = problems(step("a"), step("a"))[0]
    assert (problem.path, problem.code) == ("steps[1].id", "step.id_duplicate")
    assert "steps[0]" in problem.message


def test_the_longest_path_counts_parallel_steps_once():
    edges = ((), (0,), (0,), (1, 2))
    assert graph.longest_path(edges, [1, 5, 3, 1]) == 7
    assert graph.longest_path((), []) == 0


@st.composite
def graphs(draw):
    size = draw(st.integers(1, 12))
    nodes = st.integers(0, size - 1)
    return tuple(tuple(sorted(draw(st.sets(nodes, max_size=3)))) for _ in range(size))


@given(graphs())
def test_every_graph_has_either_an_order_or_a_cycle(edges):
    order, positions = graph.running_order(edges), graph.cycle(edges)
    assert bool(positions) == (len(order) < len(edges))
    for index, position in enumerate(positions):
        assert positions[(index + 1) % len(positions)] in edges[position]
    for index, position in enumerate(order):
        assert set(edges[position]) <= set(order[:index])
