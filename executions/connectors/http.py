"""HTTP steps: one request, no redirects, a certain answer or an honest "nobody knows"."""

import time
from http.client import HTTPException

import requests
import urllib3
from django.conf import settings

from executions.connectors.base import Ended, NotStarted, OutcomeUnknown, OutputSink, Result, Work
from executions.connectors.httpaddress import checked_addresses
from executions.connectors.httpphases import BODY, CONNECT, FIRST_BYTE, SIGN_IN, lacking, limit_s, told
from executions.connectors.httprequest import HttpRequest, request_of
from executions.connectors.httpwire import Wire, session

_MOST_ADDRESSES = 4
_MOST_BODY = 1 << 20
_CHUNK = 1 << 16
_CATEGORY = {
    CONNECT: "connect_timeout",
    SIGN_IN: "sign_in_timeout",
    FIRST_BYTE: "first_byte_timeout",
    BODY: "idle_timeout",
}
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError)


class HttpConnector:
    """Sends one request and takes its answer; the worker that takes over cannot follow it on.

    However it ends, its connection is closed at once, and nothing is left on this side. What the request has set
    off at its far end goes on there.
    """

    survives_worker = False

    def run(self, work: Work, sink: OutputSink) -> Result:
        """Send it within the deadline; see Connector. The body goes to the sink as stdout, at most 1 MiB."""
        request = request_of(work)
        left = work.deadline - time.monotonic()
        addresses = checked_addresses(
            request.host,
            request.port,
            private=bool(settings.OPSC["HTTP_ALLOW_PRIVATE"]),
            own_address=work.target.address if work.target else "",
            timeout_s=min(limit_s(CONNECT), left),
        )
        for address in addresses[:_MOST_ADDRESSES]:
            if _over(work):
                break
            try:
                return _Exchange(work, request, sink).run(address)
            except NotStarted as error:
                if not error.transient:
                    raise
                problem = error
        if _over(work):
            return _never_sent(work, lacking(CONNECT))
        raise problem

    def stop(self, work: Work) -> Result:  # noqa: ARG002
        """Nobody can look at the far end. Raises OutcomeUnknown."""
        raise OutcomeUnknown("what a request set off at its far end cannot be looked at", category="far_end")

    def forget(self, work: Work) -> None:
        """Nothing is left behind."""


class _Exchange:
    """One attempt to get the request to one address."""

    def __init__(self, work: Work, request: HttpRequest, sink: OutputSink) -> None:
        self._work, self._request, self._sink = work, request, sink
        self._wire = Wire(work.deadline)

    def run(self, address: str) -> Result:
        """Raises NotStarted when nothing was sent, OutcomeUnknown when it may have been."""
        left = max(0.001, self._work.deadline - time.monotonic())
        undo = self._work.cancel.on_cancel(self._wire.cut)
        try:
            result = self._send(address, left)
            # A cut can look like the regular end of a body.
            return self._cut_short() if self._wire.cut_by_us else result
        except _FAILURES as error:
            if self._wire.cut_by_us:
                return self._cut_short()
            raise self._explained(error) from error
        finally:
            undo()
            self._wire.close()

    def _send(self, address: str, left: float) -> Result:
        request = self._request
        tls_name = request.host if request.scheme == "https" and request.host != address else None
        with session(self._wire, tls_name) as client:
            prepared = request.prepared(address, client)
            limits = (min(limit_s(CONNECT), left), None)  # what follows the connection is the phases' matter
            with client.send(prepared, stream=True, allow_redirects=False, timeout=limits) as answer:
                whole = self._take_body(answer)
        detail = "" if whole else f"the answer was cut after {_MOST_BODY} bytes"
        return Result(ended=Ended.FINISHED, status_code=answer.status_code, detail=detail)

    def _take_body(self, answer: requests.Response) -> bool:
        size = 0
        self._wire.phases.begin(BODY)
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            self._wire.phases.begin(BODY)
            self._sink.write("stdout", chunk[: _MOST_BODY - size])
            size += len(chunk)
            if size > _MOST_BODY:
                return False
        return True

    def _cut_short(self) -> Result:
        """What our own cut means: the far end is not ours to stop."""
        phase, over = self._wire.phases.name, self._wire.phases.over
        if over and not self._work.cancel.is_cancelled:
            category = _CATEGORY[phase]
            if not self._wire.ready:
                raise NotStarted(f"{self._place}: {over}", category=category, transient=True)
            raise OutcomeUnknown(f"{self._place}: sent, but {over}", category=category)
        if not self._wire.ready:
            return _never_sent(self._work, lacking(phase))
        reason = self._work.cancel.reason
        if reason is not None and reason.hands_over:
            raise OutcomeUnknown(f"{self._place}: let go of an unanswered request", category=str(reason))
        return Result(
            ended=Ended.STOPPED, stop_confirmed=False, detail=f"{self._place}: sent, but {lacking(phase)}"
        )

    def _explained(self, error: Exception) -> NotStarted | OutcomeUnknown:
        """Say what happened without repeating a URL, which may hold a secret."""
        cause = _root(error)
        why = getattr(cause, "strerror", None) or type(cause).__name__
        if self._wire.ready:
            return OutcomeUnknown(f"{self._place}: sent, but not fully answered: {why}", category="no_answer")
        if isinstance(error, requests.exceptions.SSLError):
            why = getattr(cause, "verify_message", "") or why
            return NotStarted(f"{self._place}: {why}", category="tls", transient=False)
        if isinstance(error, requests.ConnectTimeout):
            return NotStarted(f"{self._place}: {told(CONNECT)}", category=_CATEGORY[CONNECT], transient=True)
        return NotStarted(f"{self._place}: {why}", category="unreachable", transient=True)

    @property
    def _place(self) -> str:
        return f"{self._request.method} {self._request.scheme}://{self._request.authority}"


def _never_sent(work: Work, lacks: str = "") -> Result:
    reason = work.cancel.reason
    if reason is not None and reason.hands_over:
        return Result(ended=Ended.DETACHED, detail=f"let go before anything was sent: {reason}")
    detail = f"nothing was sent: {lacks}" if lacks else "nothing was sent"
    return Result(ended=Ended.STOPPED, stop_confirmed=True, detail=detail, began=False)


def _over(work: Work) -> bool:
    return work.cancel.is_cancelled or time.monotonic() >= work.deadline


def _root(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
