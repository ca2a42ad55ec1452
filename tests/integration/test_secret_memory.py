"""After a step nothing in the process still holds its secrets in a form that OpsConductor could have wiped."""

import gc
from pathlib import Path
from typing import Any

import pytest

from executions.holdings import HOLDINGS
from safety.secrets.values import SecretValue
from tests.world import World, runs_of, script, work_off

pytestmark = pytest.mark.usefixtures("working")


def unwiped() -> list[SecretValue]:
    gc.collect()
    return [found for found in gc.get_objects() if isinstance(found, SecretValue) and not found.is_wiped]


@pytest.mark.parametrize(
    ("text", "status"), [("true", "succeeded"), ("exit 3", "failed"), ("sleep 60", "timed_out")]
)
def test_every_value_is_wiped_and_no_structure_holds_one(
    world: World, settings: Any, tmp_path: Path, text: str, status: str
) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "password").write_text("correct-horse-battery")
    settings.OPSC = settings.OPSC | {"SECRETS_DIR": str(tmp_path)}
    world.here()
    step = script(text, timeout=1)
    step["with"]["secrets"] = {"pw": {"secret": "file:password"}}
    step["with"]["stdin"] = {"secret": "file:password"}
    before = set(map(id, unwiped()))

    submitted = world.submit(step, targets=["here"])
    work_off()

    assert runs_of(submitted.execution_id)[0].status == status
    assert [value for value in unwiped() if id(value) not in before] == []
    assert HOLDINGS.wait_until_idle(5)


def test_a_value_that_nobody_wiped_is_found_by_that_search() -> None:
    left = SecretValue("hunter2")

    assert left in unwiped()
    left.wipe()
