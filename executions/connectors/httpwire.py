"""A requests session whose one connection goes to a given address and can be cut from another thread."""

import socket
import ssl
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from executions.connectors.httpphases import FIRST_BYTE, SIGN_IN, Phases


class Wire:
    """What is known about the connection: whether anything may have been sent, and how to cut it."""

    def __init__(self, deadline: float) -> None:
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None
        self.phases = Phases(self.cut, deadline)
        self.ready = False  # connected, TLS included: from here on the request may be on its way
        self.cut_by_us = False

    def hold(self, connected: socket.socket) -> socket.socket:
        """Keep a second handle: TLS takes the first one away. Time is limited by the phases from here on."""
        connected.settimeout(None)
        with self._guard:
            self._socket = connected.dup()
            if self.cut_by_us:
                _shut(self._socket)
        self.phases.begin(SIGN_IN)
        return connected

    def is_ready(self) -> None:
        """The request may go out now."""
        self.ready = True
        self.phases.begin(FIRST_BYTE)

    def close(self) -> None:
        """Nothing is to be cut any more."""
        self.phases.end()
        with self._guard:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def cut(self) -> None:
        """Wake whoever reads or writes; they see the connection end."""
        with self._guard:
            self.cut_by_us = True
            if self._socket is not None:
                _shut(self._socket)


def session(wire: Wire, tls_name: str | None) -> requests.Session:
    """A session without proxies, cookies or retries of its own; `tls_name` is who the certificate must name."""
    made = requests.Session()
    made.trust_env = False
    made.headers.clear()
    made.headers.update({"User-Agent": "OpsConductor", "Accept": "*/*", "Accept-Encoding": "identity"})
    trusted = ssl.get_default_verify_paths()
    made.verify = trusted.cafile or trusted.capath or True
    adapter = _Adapter(wire, tls_name)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


class _Adapter(HTTPAdapter):
    def __init__(self, wire: Wire, tls_name: str | None) -> None:
        self._wire, self._tls_name = wire, tls_name
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        if self._tls_name is not None:
            options |= {"server_hostname": self._tls_name, "assert_hostname": self._tls_name}
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._wire)


def _pools(wire: Wire) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return wire.hold(super()._new_conn())

        def connect(self) -> None:
            super().connect()
            wire.is_ready()

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return wire.hold(super()._new_conn())

        def connect(self) -> None:
            super().connect()
            wire.is_ready()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it had ended already
