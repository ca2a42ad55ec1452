"""The phases of an HTTP exchange, each with its own time, and all within the step's."""

import time
from collections.abc import Callable

from django.conf import settings

from safety import deadlines
from safety.cancellation import CancelToken

CONNECT, SIGN_IN, FIRST_BYTE, BODY = "connect", "sign-in", "first byte", "body"
_SETTING = {CONNECT: "CONNECT_S", SIGN_IN: "SIGN_IN_S", FIRST_BYTE: "FIRST_BYTE_S", BODY: "IDLE_S"}
_LACKING = {
    CONNECT: "no connection",
    SIGN_IN: "no end of the TLS handshake",
    FIRST_BYTE: "no head of an answer",
    BODY: "no further byte of the answer",
}
_WORTH_RENEWING = 0.1  # part of a phase's time


class Phases:
    """Cuts the exchange when the phase it is in, or the whole step, is out of time.

    name: the phase now. over: what to say when a phase's own limit was reached; empty when it was the step's.
    """

    def __init__(self, cut: Callable[[], None], deadline: float) -> None:
        self._cut, self._deadline = cut, deadline
        self._call_off: Callable[[], None] = _nothing
        self._began = 0.0
        self._ended = False
        self.name, self.over = CONNECT, ""

    def begin(self, name: str) -> None:
        """The exchange is in this phase now; for the body, again with every piece of it.

        After a cut nothing begins any more: the end of a connection can look like that of the head.
        """
        if self._ended:
            return
        now, limit = time.monotonic(), limit_s(name)
        if name == self.name and now - self._began < limit * _WORTH_RENEWING:
            return
        self.end()
        self.name, self._began = name, now
        token = CancelToken()
        token.on_cancel(self._out_of_time)
        self._call_off = deadlines.watch(min(now + limit, self._deadline), token, "")

    def end(self) -> None:
        """Nothing is watched any more."""
        self._call_off()
        self._call_off = _nothing

    def _out_of_time(self) -> None:
        self._ended = True
        if time.monotonic() < self._deadline:
            self.over = told(self.name)
        self._cut()


def limit_s(name: str) -> float:
    """Seconds that the phase may take."""
    limit: float = settings.OPSC[_SETTING[name]]
    return limit


def told(name: str) -> str:
    """What a phase that ran out of its own time lacks, with the limit and the setting it comes from."""
    return f"{lacking(name)} within {limit_s(name):g} s (OPSC_{_SETTING[name]})"


def lacking(name: str) -> str:
    """What was waited for in this phase."""
    return _LACKING[name]


def _nothing() -> None:
    return
