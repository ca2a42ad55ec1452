"""The only writer of a status: every change is conditional on the state it starts from, and leaves an event."""

from executions.lifecycle.claim import ClaimedStep, claim_from, claim_of, claim_one
from executions.lifecycle.cleaned import record_clean_up
from executions.lifecycle.clock import count_as_lost, turn_clocks, work_goes_on
from executions.lifecycle.confirmed import confirm_stop, end_review
from executions.lifecycle.effects import BEGIN_EFFECT, EFFECT_IS_OURS, ends_effect
from executions.lifecycle.errors import LifecycleError, StaleTransition
from executions.lifecycle.finish import Finished, finish
from executions.lifecycle.held import BEGUN, HELD, PROBE_REACHED, REACHED
from executions.lifecycle.moves import LOCK, By, move, record
from executions.lifecycle.put_back import (
    Attempt,
    dead_letter,
    hand_over,
    interrupt,
    retry_later,
    wait_for_assets,
)
from executions.lifecycle.release import (
    leave_line,
    release_and_wake,
    wake_behind_people,
    wake_rest,
    wake_waiting_for,
)
from executions.lifecycle.settle import Ready, count_ended, settle, stop_rest
from executions.lifecycle.violation import record_violation

__all__ = [
    "BEGIN_EFFECT",
    "BEGUN",
    "EFFECT_IS_OURS",
    "HELD",
    "LOCK",
    "PROBE_REACHED",
    "REACHED",
    "Attempt",
    "By",
    "ClaimedStep",
    "Finished",
    "LifecycleError",
    "Ready",
    "StaleTransition",
    "claim_from",
    "claim_of",
    "claim_one",
    "confirm_stop",
    "count_as_lost",
    "count_ended",
    "dead_letter",
    "end_review",
    "ends_effect",
    "finish",
    "hand_over",
    "interrupt",
    "leave_line",
    "move",
    "record",
    "record_clean_up",
    "record_violation",
    "release_and_wake",
    "retry_later",
    "settle",
    "stop_rest",
    "turn_clocks",
    "wait_for_assets",
    "wake_behind_people",
    "wake_rest",
    "wake_waiting_for",
    "work_goes_on",
]
