"""A wait step waits for its time, its deadline or a cancel, whichever is first."""

import time

import pytest

from executions.connectors.base import Ended, NotStarted
from executions.connectors.registry import connector_for
from safety.cancellation import CancelReason, CancelToken
from tests.jobs import Kept, some_work

WAIT = connector_for("wait", "")


def test_it_waits_as_long_as_it_says() -> None:
    began = time.monotonic()
    result = WAIT.run(some_work({"seconds": 0.05}, kind="wait"), Kept())
    assert (result.ended, result.exit_code) == (Ended.FINISHED, 0)
    assert time.monotonic() - began >= 0.05


def test_the_deadline_comes_first() -> None:
    result = WAIT.run(some_work({"seconds": 60}, kind="wait", limit_s=0.05), Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)


@pytest.mark.parametrize("reason", list(CancelReason))
def test_a_cancel_ends_it_or_hands_it_over(reason: CancelReason) -> None:
    cancel = CancelToken()
    cancel.cancel(reason)
    result = WAIT.run(some_work({"seconds": 60}, kind="wait", cancel=cancel), Kept())
    assert result.ended is (Ended.DETACHED if reason.hands_over else Ended.STOPPED)


@pytest.mark.parametrize("seconds", [None, -1, 86_401, True, "5", float("nan")])
def test_other_times_are_refused(seconds: object) -> None:
    with pytest.raises(NotStarted, match="seconds"):
        WAIT.run(some_work({"seconds": seconds}, kind="wait"), Kept())
