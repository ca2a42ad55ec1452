"""What a step waits for is told as it is now, by page and command, and no longer than it waits."""

import time
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from executions import engine, lifecycle
from executions.holdings import HOLDINGS
from executions.models import StepRun
from executions.standing import FREE
from tests.commands import manage
from tests.integration.test_begun_or_waiting import one_holds_and_one_waits
from tests.world import World, runs_of, script

pytestmark = pytest.mark.usefixtures("working")


def told(world: World, execution_id: UUID) -> tuple[str, str]:
    """The page, and what the command prints, without breaks between words."""
    client = Client()
    client.force_login(world.olga)
    page = client.get(f"/executions/{execution_id}/").content.decode()
    matrix = page.partition('id="matrix"')[2].partition("</section>")[0]
    return matrix, " ".join(manage("show", execution_id, "--as", "olga").out.split())


def is_taken(execution_id: UUID) -> None:
    """This worker takes what is ready of it, whatever else could be taken meanwhile."""
    ready = StepRun.objects.get(execution=execution_id, status="ready")
    StepRun.objects.filter(pk=ready.pk).update(not_before=None)
    step = lifecycle.claim_one(ready.pk, worker=HOLDINGS.worker, ttl_s=30)
    assert step is not None
    engine.run(step, time.monotonic())


def test_the_words_end_when_what_was_waited_for_is_free(world: World, tmp_path: Path) -> None:
    first, second = one_holds_and_one_waits(world, tmp_path / "began")
    matrix, shown = told(world, second)
    assert "waiting: 1st in line for here, held by" in matrix
    assert "1st in line for here" in shown

    is_taken(first)  # no worker has taken the second yet
    (run,) = runs_of(second)
    assert (run.status, "held by" in run.waiting_for) == ("ready", True)  # what was so at the last look
    matrix, shown = told(world, second)
    assert f"waiting: {FREE}" in matrix
    assert FREE.split(";")[0] in shown
    assert "in line for" not in matrix + shown

    is_taken(second)
    matrix, shown = told(world, second)
    assert "waiting" not in matrix + shown


def test_who_comes_to_hold_it_meanwhile_is_told_at_once(world: World, tmp_path: Path) -> None:
    first, second = one_holds_and_one_waits(world, tmp_path / "began")
    third = world.submit(script("true"), targets=["here"]).execution_id
    is_taken(third)
    assert "2nd in line for here" in told(world, third)[0]
    is_taken(first)
    assert "waiting: 1st in line" not in told(world, second)[0]
    assert "2nd in line for here" in told(world, third)[0]
