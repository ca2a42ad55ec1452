"""The pages behind a real socket, served by this process from the test's own database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler

from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections

from opsconductor.wsgi import application


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: what matters is asserted by the tests."""


class _Server(ThreadedWSGIServer):
    request_queue_size = 128  # as many may knock at once

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Answer, and leave no connection to the test database behind."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[misc]
        finally:
            connections.close_all()


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that runs until the end of the block."""
    server = _Server(("127.0.0.1", 0), _Quiet)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
