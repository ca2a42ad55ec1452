"""Ends a step that says more than anybody could want, before it fills the disk of its target."""

from django.conf import settings

from executions.connectors.base import OutputSink
from safety.cancellation import CancelReason, CancelToken


class Bounded:
    """Passes output on; past OPSC_OUTPUT_STOP_BYTES of both streams the token is cancelled (`resource_limit`)."""

    def __init__(self, sink: OutputSink, cancel: CancelToken) -> None:
        self._sink, self._cancel = sink, cancel
        self._said = sink.offset("stdout") + sink.offset("stderr")

    def write(self, stream: str, data: bytes) -> None:
        """See OutputSink."""
        self._sink.write(stream, data)
        self._said += len(data)
        limit = settings.OPSC["OUTPUT_STOP_BYTES"]
        if self._said > limit:
            self._cancel.cancel(
                CancelReason.RESOURCE_LIMIT, f"it wrote more than {limit} bytes (OPSC_OUTPUT_STOP_BYTES)"
            )

    def offset(self, stream: str) -> int:
        """See OutputSink."""
        return self._sink.offset(stream)


class Unheard:
    """Takes what is said after an error and keeps nothing of it."""

    def __init__(self, sink: OutputSink) -> None:
        self._sink = sink

    def write(self, stream: str, data: bytes) -> None:
        """See OutputSink."""

    def offset(self, stream: str) -> int:
        """See OutputSink."""
        return self._sink.offset(stream)
