"""A requests session whose every request is over within a given time, however slowly the server's bytes come."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

LARGEST_ANSWER = 4 << 20  # bytes; a secret is a few kilobytes


class BoundedSession(requests.Session):
    """Ends a request that takes longer than `total_s` seconds, from the connection to the last byte of the answer.

    The timeouts of requests count between bytes. Raises requests.ReadTimeout when the time is over, and
    requests.ConnectionError for an answer of more than LARGEST_ANSWER bytes.
    """

    def __init__(self, total_s: float, *, verify: str | bool = True) -> None:
        super().__init__()
        self.verify = verify
        self._total_s = total_s
        adapter = _Adapter()
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        with _limited(self._total_s) as cutter:
            try:
                answer = super().send(request, **options | {"stream": True})
                _read(answer)
            except (requests.RequestException, OSError):
                if not cutter.has_cut:
                    raise
        if cutter.has_cut:  # what was read until then looks whole to some
            raise requests.ReadTimeout(f"not over within {self._total_s:g} s")
        return answer


def _read(answer: requests.Response) -> None:
    """Take in the answer, as `stream=False` does, but no more of it than is sensible."""
    size, pieces = 0, []
    for piece in answer.iter_content(65_536):
        size += len(piece)
        if size > LARGEST_ANSWER:
            answer.close()
            raise requests.ConnectionError(f"an answer of more than {LARGEST_ANSWER} bytes")
        pieces.append(piece)
    answer._content = b"".join(pieces)  # where requests itself keeps what it has read


class _Cutter:
    """Ends the connections that this thread uses, when the time is over."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._handles: list[socket.socket] = []
        self.has_cut = False

    def hold(self, handle: socket.socket) -> None:
        with self._guard:
            self._handles.append(handle)
            if self.has_cut:
                _shut(handle)

    def cut(self) -> None:
        with self._guard:
            self.has_cut = True
            for handle in self._handles:
                _shut(handle)


_current = threading.local()


@contextmanager
def _limited(total_s: float) -> Iterator[_Cutter]:
    cutter = _current.cutter = _Cutter()
    timer = threading.Timer(total_s, cutter.cut)
    timer.daemon = True
    timer.start()
    try:
        yield cutter
    finally:
        timer.cancel()
        _current.cutter = None


class _Cuttable:
    """Keeps a second handle of its socket, because TLS takes the first one away; a kept-alive one is held anew."""

    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._handle = connected.dup()
        _hold(self._handle)
        return connected

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        if self._handle is not None:
            _hold(self._handle)
        super().putrequest(*arguments, **options)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class _Plain(_Cuttable, HTTPConnection):
    pass


class _Tls(_Cuttable, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


_POOLS: dict[str, Any] = {"http": _PlainPool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Also where the environment names a proxy."""
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _hold(handle: socket.socket) -> None:
    cutter: _Cutter | None = getattr(_current, "cutter", None)
    if cutter is not None:
        cutter.hold(handle)


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):  # it had ended already
        handle.shutdown(socket.SHUT_RDWR)
