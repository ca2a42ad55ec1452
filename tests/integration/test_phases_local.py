"""A process that will not end, hides, or holds the output open makes no local step hang."""

import time

from executions.connectors.base import Ended
from executions.connectors.registry import connector_for
from tests.jobs import Kept, kill_marked, marked, some_work, wait_until

LOCAL = connector_for("script", "local")
DAEMON = "(setsid sh -c 'trap \"\" TERM; while :; do sleep 0.2; done' &) & wait"


def test_a_grandchild_that_holds_the_output_open_does_not_keep_the_step_from_ending() -> None:
    work = some_work({"script": "echo out; sleep 300 & exit 4"}, kind="script")
    mark, sink = f"{work.step_run_id}-1", Kept()
    began = time.monotonic()
    try:
        result = LOCAL.run(work, sink)
        assert (result.ended, result.exit_code, sink.out) == (Ended.FINISHED, 4, "out\n")
        assert time.monotonic() - began < 60
    finally:
        kill_marked(mark)


def test_a_daemon_that_ignores_term_in_a_session_of_its_own_is_dead_at_the_limit() -> None:
    script = f"{DAEMON}; echo up; trap '' TERM; while :; do sleep 0.2; done"
    work = some_work({"script": script}, kind="script", limit_s=1.5, grace_s=0.5)
    mark = f"{work.step_run_id}-1"
    began = time.monotonic()
    try:
        result = LOCAL.run(work, Kept())
        assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
        assert time.monotonic() - began < 60
        wait_until(lambda: marked(mark) == [], timeout_s=2)
    finally:
        kill_marked(mark)
