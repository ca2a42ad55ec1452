"""Follow one job directory from its start, or from wherever an earlier worker left it, to a certain end."""

import time

from django.conf import settings

from executions.connectors.base import Ended, NotStarted, OutcomeUnknown, OutputSink, Result, Work
from executions.jobdir import (
    CannotConnect,
    Command,
    Glance,
    Interrupted,
    JobDirectory,
    Pace,
    Progress,
    Refused,
    ShellError,
    Stop,
    StopAnswer,
)
from safety.cancellation import CancelReason

_CHUNK = 1 << 16  # bytes handed to the sink at once
_TARGET_SLACK_S = 2.0  # the target's own deadline lies this much, and the grace, behind ours
_STARTING_S = 10.0  # a wrapper that has not appeared after this long will not
_STOP_TRIES_S = 15.0  # beside the grace: how long an unreachable target is asked to stop
_DRAIN_S = 10.0
_RETRY_S = (0.2, 5.0)  # first and longest pause between attempts to reach the target again
_ENDED = (Progress.FINISHED, Progress.DEADLINE_CONFIRMED, Progress.DEADLINE_UNCONFIRMED, Progress.GONE)


class Following:
    """One worker's view of one job directory; `run` may be called once."""

    def __init__(self, work: Work, sink: OutputSink, job: JobDirectory, pace: Pace) -> None:
        self._work, self._sink, self._job, self._pace = work, sink, job, pace
        self._offsets = {stream: sink.offset(stream) for stream in ("stdout", "stderr")}
        self._maybe_started = work.resume
        self._broken = ""  # why the target could not be reached last time; empty when it could
        self._retry_s = _RETRY_S[0]
        self._starting_since = 0.0

    def run(self, command: Command) -> Result:
        """Start the command unless that was done before, and follow it. Raises NotStarted, OutcomeUnknown."""
        return self._start(command) or self._follow()

    def _start(self, command: Command) -> Result | None:
        while True:
            if self._over:
                return self._end()
            grace = self._work.grace_s
            ends = self._work.deadline - time.monotonic() + grace + _TARGET_SLACK_S
            try:
                self._job.start(command, deadline_s=ends, grace_s=grace, timeout_s=self._patience)
            except CannotConnect as error:
                if not self._maybe_started and error.transient and self._over:
                    self._broken = str(error)
                    continue
                if not self._maybe_started:
                    raise NotStarted(
                        str(error), category=error.category, transient=error.transient
                    ) from error
                self._pause(error)
            except Refused as error:
                if not self._maybe_started:
                    raise NotStarted(str(error), category="target", transient=False) from error
                raise OutcomeUnknown(str(error), category="target") from error
            except Interrupted as error:
                self._maybe_started = self._maybe_started or error.sent
                self._broken = "" if self._maybe_started else str(error)
            except ShellError as error:  # from here on it may run, but asking again is safe
                self._maybe_started = True
                self._pause(error)
            else:
                self._maybe_started = True
                self._reached()
                return None

    def _follow(self) -> Result:
        interval = self._pace.first_s
        while not self._over:
            try:
                glance = self._look(interruptible=True)
            except ShellError as error:
                self._pause(error)
                continue
            self._reached()
            news = self._take(glance)
            if self._behind(glance):
                continue
            result = self._judge(glance)
            if result is not None:
                return result
            interval = self._pace.first_s if news else min(interval * 1.25, self._pace.longest_s)
            self._work.cancel.wait(max(0.0, min(interval, self._work.deadline - time.monotonic())))
        return self._end()

    def _look(self, *, interruptible: bool) -> Glance:
        timeout = self._patience if interruptible else settings.OPSC["ANSWER_S"]
        offsets = self._offsets["stdout"], self._offsets["stderr"]
        return self._job.look(*offsets, timeout_s=timeout, interruptible=interruptible)

    @property
    def _patience(self) -> float:
        """Seconds that an answer may take: the deadline's, within reason."""
        longest: float = settings.OPSC["ANSWER_S"]
        return max(0.1, min(longest, self._work.deadline - time.monotonic()))

    @property
    def _over(self) -> bool:
        return self._work.cancel.is_cancelled or time.monotonic() >= self._work.deadline

    def _end(self) -> Result:
        reason = self._work.cancel.reason
        if reason is not None and reason.hands_over:
            return Result(ended=Ended.DETACHED, detail=f"let go: {reason}")
        if not self._maybe_started:
            detail = f"nothing was started; {self._broken}" if self._broken else "nothing was started"
            return Result(ended=Ended.STOPPED, stop_confirmed=True, detail=detail, began=False)
        if self._broken and reason in (None, CancelReason.TIMEOUT):
            raise OutcomeUnknown(
                f"not reached again before the deadline: {self._broken}", category="unreachable"
            )
        return self._stop()

    def _stop(self) -> Result:
        give_up = time.monotonic() + self._work.grace_s + _STOP_TRIES_S
        while True:
            try:
                answer = self._job.stop(self._work.grace_s)
                return self._stopped(answer)
            except ShellError as error:
                permanent = isinstance(error, CannotConnect) and not error.transient
                if permanent or time.monotonic() >= give_up:
                    return Result(
                        ended=Ended.STOPPED, stop_confirmed=False, detail=f"cannot stop it: {error}"
                    )
                time.sleep(_RETRY_S[0])

    def _stopped(self, answer: StopAnswer) -> Result:
        if answer.stop is Stop.NEVER_STARTED:
            return Result(ended=Ended.STOPPED, stop_confirmed=True, detail="it had not started", began=False)
        glance = self._drain()
        if answer.stop is Stop.FINISHED:
            return _finished(glance)
        confirmed = answer.stop is Stop.CONFIRMED
        detail = "" if confirmed else answer.remains
        return Result(
            ended=Ended.STOPPED, exit_code=glance.exit_code, stop_confirmed=confirmed, detail=detail
        )

    def _drain(self) -> Glance:
        until = time.monotonic() + _DRAIN_S
        while True:
            glance = self._look(interruptible=False)
            self._take(glance)
            if not self._behind(glance) or time.monotonic() >= until:
                return glance

    def _judge(self, glance: Glance) -> Result | None:
        if glance.progress is Progress.NEVER_STARTED:
            raise OutcomeUnknown("the job directory has vanished from the target", category="gone")
        if glance.cancelled and glance.progress in (*_ENDED, Progress.RUNNING):
            return self._stop()  # an earlier worker began to end it
        if glance.progress is Progress.GONE:
            raise OutcomeUnknown("its processes are gone without an exit code", category="gone")
        if glance.progress is Progress.STARTING:
            self._wait_for_wrapper()
            return None
        return _finished(glance) if glance.progress in _ENDED else None

    def _wait_for_wrapper(self) -> None:
        now = time.monotonic()
        self._starting_since = self._starting_since or now
        if now - self._starting_since < _STARTING_S:
            return
        self._stop()
        if self._look(interruptible=False).progress is Progress.STARTING:
            raise NotStarted("the target could not begin the command", category="target", transient=True)
        raise OutcomeUnknown("the command began too late to be followed", category="target")

    def _take(self, glance: Glance) -> bool:
        for stream, data in (("stdout", glance.stdout), ("stderr", glance.stderr)):
            for first in range(0, len(data), _CHUNK):
                self._sink.write(stream, data[first : first + _CHUNK])
            self._offsets[stream] += len(data)
        return bool(glance.stdout or glance.stderr)

    def _behind(self, glance: Glance) -> bool:
        sizes = (("stdout", glance.stdout_size), ("stderr", glance.stderr_size))
        return any(self._offsets[stream] < size for stream, size in sizes)

    def _reached(self) -> None:
        self._broken, self._retry_s = "", _RETRY_S[0]

    def _pause(self, error: ShellError) -> None:
        """Wait before the next attempt to reach the target; a refusal to let us in ends the attempts."""
        if isinstance(error, Interrupted):
            return
        if isinstance(error, CannotConnect) and not error.transient:
            raise OutcomeUnknown(str(error), category=error.category) from error
        self._broken = str(error)
        self._work.cancel.wait(max(0.0, min(self._retry_s, self._work.deadline - time.monotonic())))
        self._retry_s = min(self._retry_s * 2, _RETRY_S[1])


def _finished(glance: Glance) -> Result:
    if glance.progress in (Progress.DEADLINE_CONFIRMED, Progress.DEADLINE_UNCONFIRMED):
        return Result(
            ended=Ended.STOPPED,
            exit_code=glance.exit_code,
            stop_confirmed=glance.progress is Progress.DEADLINE_CONFIRMED,
            detail="ended by the deadline that the target keeps itself",
        )
    code = glance.exit_code
    signal = f"ended by signal {code - 128}" if code is not None and code > 128 else ""
    return Result(ended=Ended.FINISHED, exit_code=code, detail=signal)
