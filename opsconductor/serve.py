"""Uvicorn as OpsConductor runs it: no access log, which would hold one-time links, and a short good-bye."""

import errno
import socket
import threading
from typing import Any, Final

import uvicorn
from django.conf import settings

APPLICATION: Final = "opsconductor.asgi:application"
GOOD_BYE_S: Final = 3  # for answers and event streams that are under way


class AddressTaken(Exception):
    """The address to serve at cannot be had."""


def options() -> dict[str, Any]:
    """Uvicorn's options, whoever starts it. Django's logging stays as it is."""
    return {
        "lifespan": "off",
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(settings.SECURE_PROXY_SSL_HEADER),
        "timeout_graceful_shutdown": GOOD_BYE_S,
    }


class WebServer:
    """The pages, served by a thread of this process."""

    def __init__(self, host: str, port: int) -> None:
        """Take the address; port 0 takes any free one. Raises AddressTaken."""
        try:
            self._socket = socket.create_server((host, port), family=_family(host), backlog=256)
        except OSError as problem:
            why = "is in use" if problem.errno == errno.EADDRINUSE else f"cannot be used ({problem.strerror})"
            raise AddressTaken(f"{host}:{port} {why}; choose another with --host and --port.") from problem
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(APPLICATION, **options()))
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Let running requests end and stop serving."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(GOOD_BYE_S + 1)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
