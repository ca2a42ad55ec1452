"""Every phase of an HTTP exchange has its own time, and all of them are within the step's."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from executions.connectors.base import Ended, NotStarted, OutcomeUnknown, Result
from executions.connectors.registry import connector_for
from safety.cancellation import CancelReason, CancelToken
from tests.integration.test_connectors_http import certified  # noqa: F401  a fixture
from tests.jobs import Kept, some_work
from tests.services.hostile import drips, full, peer, says, silent

HTTP = connector_for("http", "")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the limits of phases, seconds."""

    def set_to(**seconds: float) -> None:
        for name, value in seconds.items():
            monkeypatch.setitem(settings.OPSC, name, value)

    return set_to


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def request(port: int, *, limit_s: float = 30, scheme: str = "http", **more: Any) -> Result:
    cancel = more.pop("cancel", None)
    arguments = {"url": f"{scheme}://localhost:{port}/", **more}
    return HTTP.run(some_work(arguments, kind="http", limit_s=limit_s, cancel=cancel), Kept())


def test_a_server_that_takes_no_connection_was_sent_nothing(limits: Callable[..., None]) -> None:
    limits(CONNECT_S=0.5)
    with full() as port, within(45), pytest.raises(NotStarted) as refusal:
        HTTP.run(some_work({"url": f"http://127.0.0.1:{port}/"}, kind="http"), Kept())
    assert (refusal.value.category, refusal.value.transient) == ("connect_timeout", True)
    assert "no connection within 0.5 s (OPSC_CONNECT_S)" in str(refusal.value)


def test_the_steps_own_end_while_connecting_says_so() -> None:
    with full() as port, within(45):
        result = HTTP.run(some_work({"url": f"http://127.0.0.1:{port}/"}, kind="http", limit_s=0.5), Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert result.detail == "nothing was sent: no connection"


@pytest.mark.parametrize("talk", [silent, drips(b"\x16\x03\x03\x3f\xff" + b"\x02" * 100, 0.05)])
def test_a_tls_handshake_that_does_not_end_was_sent_nothing(
    talk: Callable[[socket.socket], None], limits: Callable[..., None]
) -> None:
    limits(SIGN_IN_S=0.6)
    with peer(talk) as port, within(45), pytest.raises(NotStarted) as refusal:
        request(port, scheme="https")
    assert (refusal.value.category, refusal.value.transient) == ("sign_in_timeout", True)
    assert "no end of the TLS handshake within 0.6 s (OPSC_SIGN_IN_S)" in str(refusal.value)


@pytest.mark.parametrize("talk", [silent, says(b"HTTP/1.1 200"), drips(b"X: y\r\n", 0.05)])
def test_an_answer_that_does_not_begin_leaves_the_outcome_unknown(
    talk: Callable[[socket.socket], None], limits: Callable[..., None]
) -> None:
    limits(FIRST_BYTE_S=0.6)
    begin = says(b"HTTP/1.1 200 OK\r\n")

    def answer(connection: socket.socket) -> None:
        if talk is not silent:
            begin(connection)
        talk(connection)

    with peer(answer) as port, within(45), pytest.raises(OutcomeUnknown) as unknown:
        request(port, method="POST")
    assert unknown.value.category == "first_byte_timeout"
    assert "no head of an answer within 0.6 s (OPSC_FIRST_BYTE_S)" in str(unknown.value)


def test_an_upload_that_is_never_read_ends(limits: Callable[..., None]) -> None:
    limits(FIRST_BYTE_S=0.6)
    with peer(silent) as port, within(45), pytest.raises(OutcomeUnknown) as unknown:
        request(port, method="PUT", body="x" * 50_000_000)
    assert unknown.value.category == "first_byte_timeout"


def test_an_answer_that_falls_silent_leaves_the_outcome_unknown(limits: Callable[..., None]) -> None:
    limits(IDLE_S=0.6)
    with peer(says(HEAD + b"some of it")) as port, within(45), pytest.raises(OutcomeUnknown) as unknown:
        request(port)
    assert unknown.value.category == "idle_timeout"
    assert "no further byte of the answer within 0.6 s (OPSC_IDLE_S)" in str(unknown.value)


def dripping_over(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(HEAD)
            drips(b"x", 0.05)(secure)

    return talk


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_drips_faster_than_the_pause_limit_still_ends_with_the_step(
    scheme: str,
    certified: ssl.SSLContext,  # noqa: F811
    limits: Callable[..., None],
) -> None:
    limits(IDLE_S=5)

    def plain(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        drips(b"x", 0.05)(connection)

    talk = plain if scheme == "http" else dripping_over(certified)
    with peer(talk) as port, within(45):
        result = request(port, scheme=scheme, limit_s=1.5)
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, False)
    assert result.detail.endswith("sent, but no further byte of the answer")


def test_a_cancel_reaches_an_exchange_over_tls(certified: ssl.SSLContext) -> None:  # noqa: F811
    cancel = CancelToken()
    arrived = threading.Event()

    def talk(connection: socket.socket) -> None:
        with certified.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            arrived.set()
            secure.recv(65536)

    asker = threading.Thread(target=lambda: (arrived.wait(20), cancel.cancel(CancelReason.USER)))
    asker.start()
    with peer(talk) as port, within(45):
        result = request(port, scheme="https", cancel=cancel)
    asker.join()
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, False)
