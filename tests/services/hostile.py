"""Peers that behave badly: they hang, drip, freeze, or vanish without a word."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncssh

Talk = Callable[[socket.socket], None]


@contextmanager
def peer(talk: Talk) -> Iterator[int]:
    """A server that does with each connection what `talk` says, and then keeps it open; its port."""
    kept: list[socket.socket] = []

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                kept.append(connection)
                threading.Thread(target=_quietly, args=(talk, connection), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    for connection in kept:
        connection.close()


def silent(_: socket.socket) -> None:
    """Say nothing, read nothing."""


def says(text: bytes) -> Talk:
    """Say this, then nothing."""
    return lambda connection: connection.sendall(text)


def drips(text: bytes, pause_s: float) -> Talk:
    """One byte after each pause, over and over."""

    def talk(connection: socket.socket) -> None:
        while True:
            for letter in text:
                connection.sendall(bytes([letter]))
                time.sleep(pause_s)

    return talk


@contextmanager
def full() -> Iterator[int]:
    """A port whose line of connections is full: another one is never answered."""
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(16):
            client = stack.enter_context(socket.socket())
            client.settimeout(0.3)
            try:
                client.connect(server.getsockname())
            except TimeoutError:
                break
        yield server.getsockname()[1]


class Relay:
    """Passes bytes on to a port; `drop` leaves connections open on which nothing arrives any more."""

    def __init__(self, port: int) -> None:
        self._to, self._dropped = port, threading.Event()
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def drop(self) -> None:
        """Lose everything on the connections of now, without a word; new ones are passed on."""
        self._dropped.set()
        self._dropped = threading.Event()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        for each in (self._server, *self._sockets):
            each.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pass_on, args=(one, other, self._dropped), daemon=True
                    ).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, dropped: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not dropped.is_set():
                    other.sendall(data)


class _Reluctant(asyncssh.SSHServer):
    """Gets stuck where it is told to."""

    def __init__(self, stuck_at: str, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._stuck_at, self._connections = stuck_at, connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    async def begin_auth(self, username: str) -> bool:
        if self._stuck_at == "authentication":
            await asyncio.Event().wait()
        return False

    def session_requested(self) -> Any:
        if self._stuck_at == "session":

            async def never() -> Any:
                await asyncio.Event().wait()

            return never()
        return _idle


async def _idle(stdin: Any, _out: Any, _err: Any) -> None:
    await stdin.read()
    await asyncio.Event().wait()


class _ReluctantServer:
    """What `reluctant_ssh` runs on a loop of its own."""

    def __init__(self, stuck_at: str) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._stuck_at = stuck_at
        self._connections: list[asyncssh.SSHServerConnection] = []

    async def start(self) -> int:
        self._acceptor = await asyncssh.create_server(
            lambda: _Reluctant(self._stuck_at, self._connections),
            "127.0.0.1",
            0,
            server_host_keys=[self.key],
            encoding=None,
        )
        return self._acceptor.get_port()

    async def end(self) -> None:
        self._acceptor.close()
        for connection in self._connections:
            connection.abort()
            await connection.wait_closed()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def reluctant_ssh(stuck_at: str) -> Iterator[tuple[int, str]]:
    """An SSH server that lets anybody in but gets stuck at `authentication`, `session` or `command`.

    Yields: its port, and its host key for the asset.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = _ReluctantServer(stuck_at)
    port = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    yield port, server.key.export_public_key().decode().strip()
    asyncio.run_coroutine_threadsafe(server.end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def _quietly(talk: Talk, connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        talk(connection)
