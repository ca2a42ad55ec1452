"""Parameters reach the program as they are written, whatever a shell would make of them."""

import json
import sys

import pytest

from executions.plans import PlanInvalid
from tests.world import World, output_of, runs_of, work_until_over

pytestmark = pytest.mark.usefixtures("working")

HOSTILE = [
    "; touch /tmp/pwned",
    "| cat /etc/passwd",
    "&& id",
    "$(id)",
    "`id`",
    "${IFS}x",
    "a b  c",
    "'",
    '"',
    "\\",
    "\\n",
    "*",
    "~root",
    "-rf",
    "--help",
    "\u2014rf",
    "\u202egnp",
    "%s%n",
    "{{ 7 * 7 }}",
    "#x",
    "!!",
    "",
    " ",
    "\u00e9\U0001f600",
    ">/tmp/pwned",
    "x=1",
    "tab\there",
]
SHOW = "import json, sys; print(json.dumps(sys.argv[1:]))"


def test_every_argument_arrives_exactly_as_it_is_in_the_plan(world: World) -> None:
    world.here()
    step = {"id": "show", "kind": "command", "with": {"argv": [sys.executable, "-c", SHOW, *HOSTILE]}}
    done = world.submit(step | {"action_class": "read", "estimate": 1}, targets=["here"])
    assert work_until_over(done.execution_id) == "succeeded"
    assert json.loads(output_of(runs_of(done.execution_id)[0])) == HOSTILE


@pytest.mark.parametrize("bad", [["ls", "a\0b"], ["ls", "a\nb"], [], "ls -l", ["ls", 1]])
def test_what_is_no_list_of_arguments_is_refused_with_its_place(world: World, bad: object) -> None:
    world.here()
    step = {"id": "bad", "kind": "command", "with": {"argv": bad}, "estimate": 1}
    with pytest.raises(PlanInvalid) as refusal:
        world.submit(step, targets=["here"])
    assert "argv" in refusal.value.problems[0].path
