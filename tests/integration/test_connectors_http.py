"""HTTP steps against a real server: what was sent and answered, or honestly unknown."""

import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from executions.connectors.base import Ended, NotStarted, OutcomeUnknown
from executions.connectors.registry import connector_for
from safety.cancellation import CancelReason, CancelToken
from tests.jobs import Kept, some_work
from tests.services.httpd import TargetHttp
from tests.services.processes import free_port

HTTP = connector_for("http", "")


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with its one connection what `talk` says; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def test_a_request_arrives_as_written_with_its_key_and_token(target_http: TargetHttp) -> None:
    url = target_http.on("/a", status=201, body='{"done": true}')
    arguments = {"method": "POST", "url": f"{url}?q=%20x", "headers": {"X-One": "1"}, "json": {"ä": 1}}
    work, sink = some_work(arguments, kind="http"), Kept()
    result = HTTP.run(work, sink)
    assert (result.ended, result.status_code, sink.out) == (Ended.FINISHED, 201, '{"done": true}')
    (request,) = target_http.requests()
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert (request.method, request.path, json.loads(request.body)) == ("POST", "/a?q=%20x", {"ä": 1})
    assert headers["idempotency-key"] == str(work.step_run_id)
    assert headers["x-fencing-token"] == "7"
    assert headers["host"] == f"127.0.0.1:{target_http.port}"
    assert headers["x-one"] == "1"


def test_names_are_resolved_once_and_kept_in_the_host_header(
    target_http: TargetHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    result = HTTP.run(some_work({"url": f"http://localhost:{target_http.port}/"}, kind="http"), Kept())
    assert result.status_code == 200
    assert target_http.requests()[0].headers["Host"] == f"localhost:{target_http.port}"


def test_redirects_are_answers_and_are_not_followed(target_http: TargetHttp) -> None:
    url = target_http.on("/from", status=302, headers={"Location": "/to"})
    assert HTTP.run(some_work({"url": url}, kind="http"), Kept()).status_code == 302
    assert not target_http.requests("/to")


def test_a_server_that_is_not_there_was_sent_nothing() -> None:
    with pytest.raises(NotStarted) as refusal:
        HTTP.run(some_work({"url": f"http://127.0.0.1:{free_port()}/?key=hunter2"}, kind="http"), Kept())
    assert (refusal.value.category, refusal.value.transient) == ("unreachable", True)
    assert "hunter2" not in str(refusal.value)


def test_a_connection_that_breaks_before_the_answer_leaves_the_outcome_unknown(
    target_http: TargetHttp,
) -> None:
    url = target_http.on("/drop", drop=True)
    with pytest.raises(OutcomeUnknown, match="sent, but not fully answered"):
        HTTP.run(some_work({"method": "POST", "url": url}, kind="http"), Kept())
    assert len(target_http.requests("/drop")) == 1


def test_an_answer_that_breaks_off_leaves_the_outcome_unknown() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")

    with answering(talk) as port, pytest.raises(OutcomeUnknown):
        HTTP.run(some_work({"url": f"http://127.0.0.1:{port}/"}, kind="http"), Kept())


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_dripping_server_is_left_at_the_deadline(part: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(part)
        try:
            while not connection.sendall(b"x"):
                time.sleep(0.05)
        except OSError:
            return

    began = time.monotonic()
    with answering(talk) as port:
        result = HTTP.run(some_work({"url": f"http://127.0.0.1:{port}/"}, kind="http", limit_s=0.5), Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, False)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("reason", list(CancelReason))
def test_a_cancel_in_flight_is_immediate_and_never_claims_to_have_stopped_the_far_end(
    reason: CancelReason, target_http: TargetHttp
) -> None:
    url, cancel = target_http.on("/hang", hang=True), CancelToken()
    asker = threading.Thread(target=lambda: (target_http.wait_for("/hang"), cancel.cancel(reason)))
    asker.start()
    began = time.monotonic()
    work = some_work({"method": "POST", "url": url}, kind="http", cancel=cancel)
    if reason.hands_over:
        with pytest.raises(OutcomeUnknown):
            HTTP.run(work, Kept())
    else:
        result = HTTP.run(work, Kept())
        assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, False)
    assert time.monotonic() - began < 5
    asker.join()


def test_a_cancel_before_the_request_sends_nothing(target_http: TargetHttp) -> None:
    cancel = CancelToken()
    cancel.cancel(CancelReason.USER)
    result = HTTP.run(some_work({"url": target_http.url}, kind="http", cancel=cancel), Kept())
    assert (result.ended, result.stop_confirmed) == (Ended.STOPPED, True)
    assert not target_http.requests()


def test_a_huge_answer_is_cut_and_still_counts(target_http: TargetHttp) -> None:
    sink = Kept()
    result = HTTP.run(some_work({"url": target_http.on("/big", body="x" * 3_000_000)}, kind="http"), sink)
    assert (result.status_code, sink.sizes["stdout"]) == (200, 1 << 20)
    assert "cut" in result.detail


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server side whose certificate names `localhost` and that the system trusts."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(make, check=True, capture_output=True)
    monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize(("host", "accepted"), [("localhost", True), ("127.0.0.1", False)])
def test_tls_checks_the_name_in_the_url_though_it_connects_to_an_address(
    host: str, accepted: bool, certified: ssl.SSLContext
) -> None:
    def talk(connection: socket.socket) -> None:
        try:
            with certified.wrap_socket(connection, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            return

    with answering(talk) as port:
        work = some_work({"url": f"https://{host}:{port}/"}, kind="http")
        if accepted:
            assert HTTP.run(work, Kept()).status_code == 204
        else:
            with pytest.raises(NotStarted) as refusal:
                HTTP.run(work, Kept())
            assert (refusal.value.category, refusal.value.transient) == ("tls", False)
