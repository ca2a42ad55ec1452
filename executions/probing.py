"""Ask a step's read-only probe whether its effect happened."""

from dataclasses import replace
from uuid import uuid5

from executions import switches
from executions.connectors.base import Ended, NotStarted, OutcomeUnknown, Work
from executions.connectors.registry import connector_for
from executions.expectations import unmet
from executions.lifecycle import ClaimedStep
from safety.context import Outcome, OutcomeStatus, StepContext
from safety.models import SwitchMode

HELD = "probe_held"  # the effect began, and whether it happened may not be asked now
NOT_APPLIED = "the probe says that it did not take effect"
STOPPED = "the probe was stopped before it could tell, so the outcome is as unknown as before"


def ask(context: StepContext, step: ClaimedStep, work: Work) -> Outcome | None:
    """Ask now. `work`: the step's own.

    Returns: succeeded when it did, interrupted when the probe cannot tell, handed over while its connector is switched
    off, None when it did not.
    """
    probe = step.spec["verify"]
    off = switches.why_off(step, probe["kind"], SwitchMode.HOLD, SwitchMode.STOP)
    if off:
        return _held(context, step, off)
    asking = replace(
        work,
        step_run_id=uuid5(step.step_run_id, f"verify-{step.token}"),
        kind=probe["kind"],
        arguments=(context.resolved_arguments or {})["verify"]["with"],
        resume=False,
    )
    sink, connector = _Sink(), connector_for(probe["kind"], step.connection or "")
    try:
        result = connector.run(asking, sink)
    except (NotStarted, OutcomeUnknown) as error:
        return _unclear(f"the probe could not tell: {error}")
    if result.ended is not Ended.FINISHED:
        return _unclear("; ".join(word for word in (context.cancel.detail, STOPPED) if word))
    connector.forget(asking)  # what it printed lies on the target unmasked
    if unmet(probe.get("expect", {}), result, sink.text()) is None:
        return Outcome(
            status=OutcomeStatus.SUCCEEDED, category="verified", detail="the probe found it applied"
        )
    return None


def not_applied(context: StepContext) -> Outcome:
    """The end of an attempt of which only the question was left."""
    context.reached = True
    return Outcome(status=OutcomeStatus.FAILED, category="probe", detail=NOT_APPLIED, retryable=True)


def _held(context: StepContext, step: ClaimedStep, off: str) -> Outcome:
    """The question waits for the end of the switch, unless somebody wants the end of the run before."""
    if context.cancel.is_cancelled:
        words = (context.cancel.detail, f"the probe was not asked: {off}")
        return _unclear("; ".join(word for word in words if word))
    began = step.resume or context.reached
    return Outcome(
        status=OutcomeStatus.HANDED_OVER,
        category=HELD if began else "",
        detail=f"the probe waits: {off}",
    )


def _unclear(detail: str) -> Outcome:
    return Outcome(status=OutcomeStatus.INTERRUPTED, category="probe", detail=detail)


class _Sink:
    """Keeps the first 64 KiB that a probe says; nothing of it is stored."""

    LIMIT = 64 * 1024

    def __init__(self) -> None:
        self._kept = bytearray()
        self._read = {"stdout": 0, "stderr": 0}

    def write(self, stream: str, data: bytes) -> None:
        self._read[stream] += len(data)
        if stream == "stdout":
            self._kept += data[: self.LIMIT - len(self._kept)]

    def offset(self, stream: str) -> int:
        return self._read[stream]

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")
