"""The one event loop thread of this process that holds all its SSH connections."""

import asyncio
import atexit
import logging
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncssh

from executions.connectors.sshlogin import SignIn
from executions.jobdir import Interrupted, LinkBroken
from safety.cancellation import CancelToken

T = TypeVar("T")
_IDLE_S = 60.0
_SESSIONS = 8  # at once on one connection; OpenSSH allows 10 unless told otherwise
# It would write whole commands into the log.
asyncssh.set_log_level(logging.WARNING)


class _Link:
    """One signed-in connection and its use."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.sessions = asyncio.Semaphore(_SESSIONS)
        self.users = 0
        self.idle_since = 0.0

    @property
    def alive(self) -> bool:
        return not self.connection.is_closed()


class SshLoop:
    """Runs coroutines for threads, and lends them connections, one per sign-in."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._links: dict[SignIn, _Link] = {}
        self._signing_in: dict[SignIn, asyncio.Task[_Link]] = {}
        self._waiting: Counter[asyncio.Task[_Link]] = Counter()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T], *, timeout_s: float, cancel: CancelToken | None = None) -> T:
        """Run it to its end from another thread.

        Raises Interrupted as soon as `cancel` is set, LinkBroken after `timeout_s`, and what `work` raises.
        """
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout_s), self._loop)
        undo = cancel.on_cancel(lambda: _abandon(future)) if cancel else None
        try:
            return future.result()
        except CancelledError:
            raise Interrupted("waiting was given up", sent=True) from None
        except TimeoutError:
            raise LinkBroken(f"no answer within {timeout_s:g} s") from None
        finally:
            if undo is not None:
                undo()

    @asynccontextmanager
    async def session(self, sign_in: SignIn) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """A connection with room for one more session; for use in coroutines of this loop.

        Raises CannotConnect.
        """
        link = await self._link(sign_in)
        link.users += 1
        try:
            async with link.sessions:
                yield link.connection
        finally:
            link.users -= 1
            link.idle_since = self._loop.time()
            self._loop.call_later(_IDLE_S, self._close_idle, sign_in, link)

    def existing(self, where: tuple[str, ...]) -> SignIn | None:
        """A sign-in to this location whose connection is still open."""
        for sign_in, link in list(self._links.items()):
            if sign_in.where == where and link.alive:
                return sign_in
        return None

    def close(self) -> None:
        """End every connection and the thread."""
        if self._loop.is_running():
            asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result(5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop.close()

    async def _link(self, sign_in: SignIn) -> _Link:
        link = self._links.get(sign_in)
        if link is not None and link.alive:
            return link
        if sign_in not in self._signing_in:
            task = self._signing_in[sign_in] = asyncio.create_task(self._connect(sign_in))
            task.add_done_callback(lambda done: self._signed_in(sign_in, done))
        task = self._signing_in[sign_in]
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)  # others may be waiting for it too
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]
                if task.cancel():  # the next one to ask must not join a dying attempt
                    self._signing_in.pop(sign_in, None)

    async def _connect(self, sign_in: SignIn) -> _Link:
        link = self._links[sign_in] = _Link(await sign_in.connect())
        return link

    def _signed_in(self, sign_in: SignIn, done: asyncio.Task[_Link]) -> None:
        if self._signing_in.get(sign_in) is done:
            del self._signing_in[sign_in]
        if not done.cancelled():
            done.exception()  # looked at, should the one who waited have left

    def _close_idle(self, sign_in: SignIn, link: _Link) -> None:
        if link.users == 0 and self._loop.time() - link.idle_since >= _IDLE_S - 1:
            link.connection.close()
            if self._links.get(sign_in) is link:
                del self._links[sign_in]

    async def _close_all(self) -> None:
        for task in list(self._signing_in.values()):
            task.cancel()
        for link in self._links.values():
            link.connection.abort()
        await asyncio.gather(*(link.connection.wait_closed() for link in self._links.values()))
        self._links.clear()


def _abandon(future: Future[Any]) -> None:
    future.cancel()


_guard = threading.Lock()
_current: SshLoop | None = None


def ssh_loop() -> SshLoop:
    """This process's loop, made on first use; a child of a fork makes its own."""
    global _current
    with _guard:
        if _current is None or _current.pid != os.getpid():
            _current = SshLoop()
            atexit.register(_current.close)
        return _current
