"""An HTTP server that tests use as a target: it does what it is told and remembers every request."""

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `at` is Unix time in seconds."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    at: float


@dataclass(frozen=True)
class Behaviour:
    """What to answer. `hang` answers nothing until `release()`; `drop` closes without an answer then."""

    status: int = 200
    body: str = "ok\n"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0
    hang: bool = False
    drop: bool = False


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A worker that was killed says no goodbye; that is what such a test is about, and no error of the server's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class TargetHttp:
    """A threaded server on a free port; the journal is on disk before the answer is sent.

    Args:
      journal: File with one JSON object per request, only ever appended to.
    """

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.journal.touch()
        self._behaviours: dict[str, Behaviour] = {}
        self._release = threading.Event()
        self._arrived = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _handler(self._answer))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def on(self, path: str, **behaviour: object) -> str:
        """Set the `Behaviour` of a path (without query); its address. Other paths answer 200 "ok"."""
        self._behaviours[path] = Behaviour(**behaviour)  # type: ignore[arg-type]
        return self.url + path

    def release(self) -> None:
        """Let every hanging request, present or future, go on."""
        self._release.set()

    def requests(self, path: str | None = None) -> list[Request]:
        """What has arrived so far, oldest first; only one path's when given."""
        found = [Request(**json.loads(line)) for line in self.journal.read_text().splitlines()]
        return [request for request in found if path is None or request.path.split("?")[0] == path]

    def wait_for(self, path: str, count: int = 1, timeout_s: float = 30) -> list[Request]:
        """The requests of a path once there are `count`; raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests(path)) >= count, timeout_s):
                raise TimeoutError(f"{len(self.requests(path))} of {count} requests to {path}")
        return self.requests(path)

    def close(self) -> None:
        """Let go of whoever hangs and stop serving."""
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: Request) -> Behaviour:
        with self._arrived:
            with self.journal.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(json.dumps(asdict(request)) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self._arrived.notify_all()
        behaviour = self._behaviours.get(request.path.split("?")[0], Behaviour())
        if behaviour.hang:
            self._release.wait()
        elif behaviour.delay_s:
            self._release.wait(behaviour.delay_s)
        return behaviour


def _handler(answer: Callable[[Request], Behaviour]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
            request = Request(self.command, self.path, dict(self.headers), body, time.time())
            behaviour = answer(request)
            if behaviour.drop:
                self.close_connection = True
                return
            try:
                self._send(behaviour)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client had enough; the journal has its request

        def _send(self, behaviour: Behaviour) -> None:
            content = behaviour.body.encode()
            self.send_response(behaviour.status)
            for name, value in behaviour.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_any  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: the journal has it all."""

    return Handler
