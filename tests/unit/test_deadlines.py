"""Deadlines reach their tokens, and nothing is kept of those that were called off or are over."""

import threading
import time

from safety import deadlines
from safety.cancellation import CancelReason, CancelToken


def test_a_token_is_cancelled_at_its_deadline_with_the_detail_given():
    token, reached = CancelToken(), threading.Event()
    token.on_cancel(reached.set)
    call_off = deadlines.watch(time.monotonic() + 0.05, token, "step limit of 5 s reached")
    assert reached.wait(20)
    assert (token.reason, token.detail) == (CancelReason.TIMEOUT, "step limit of 5 s reached")
    call_off()


def test_a_deadline_that_was_called_off_cancels_nothing():
    token, later, reached = CancelToken(), CancelToken(), threading.Event()
    later.on_cancel(reached.set)
    call_off = deadlines.watch(time.monotonic() + 0.05, token, "")
    call_off()
    deadlines.watch(time.monotonic() + 0.1, later, "")
    assert reached.wait(20)
    assert not token.is_cancelled


def test_nothing_is_kept_of_a_deadline_that_is_over():
    deadlines.watch(time.monotonic(), CancelToken(), "")()
    watch = deadlines._watch
    assert watch is not None
    before = set(watch._wanted)
    token, reached = CancelToken(), threading.Event()
    token.on_cancel(reached.set)
    call_off = deadlines.watch(time.monotonic(), token, "")
    assert reached.wait(20)
    call_off()
    assert watch._wanted <= before
