"""Job directories over SSH: each program is one session on a shared connection."""

import asyncio
import threading
from collections.abc import Sequence

import asyncssh
from django.conf import settings

from executions.connectors.base import Target
from executions.connectors.sshlogin import SignIn
from executions.connectors.sshloop import SshLoop
from executions.jobdir import Answer, CannotConnect, Interrupted, LinkBroken, Pace, programs
from executions.jobdir.payload import quote
from safety.cancellation import CancelToken

_MOST_BYTES = 1 << 20  # of an answer; a look brings two blocks at most


class SshShell:
    """One account on one machine. A set `cancel` ends the waiting of whatever may be interrupted."""

    pace = Pace(first_s=0.05, longest_s=1.0)
    block = 1 << 18

    def __init__(self, loop: SshLoop, sign_in: SignIn, cancel: CancelToken) -> None:
        self._loop, self._sign_in, self._cancel = loop, sign_in, cancel

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        payload: bytes = b"",
        *,
        timeout_s: float,
        interruptible: bool = True,
    ) -> Answer:
        """Run a program in one round trip. Raises ShellError."""
        words = ("exec", "/bin/sh", "-c", program, "opsc", *arguments)
        permit = _Permit()
        exchange = self._exchange(" ".join(map(quote, words)), payload, permit)
        cancel = self._cancel if interruptible else None
        try:
            return Answer.parse(*self._loop.call(exchange, timeout_s=timeout_s, cancel=cancel))
        except Interrupted as error:
            raise Interrupted(f"{permit.phase}: {error}", sent=permit.was_used_before_revoking()) from error
        except LinkBroken as error:
            if permit.was_used_before_revoking():
                raise
            why = f"{permit.phase}: {error}"
            raise CannotConnect(why, category="unreachable", transient=True) from error

    def look(self, arguments: Sequence[str], *, timeout_s: float, interruptible: bool) -> Answer:
        """State and new output of both streams in one round trip. Raises ShellError."""
        return self.run(programs.look(), arguments, timeout_s=timeout_s, interruptible=interruptible)

    async def _exchange(self, command: str, payload: bytes, permit: "_Permit") -> tuple[bytes, bytes]:
        async with self._loop.session(self._sign_in) as connection:
            permit.phase = "opening a session"
            limit_s = settings.OPSC["SIGN_IN_S"]
            try:
                async with asyncio.timeout(limit_s):
                    process = await connection.create_process(command, encoding=None)
            except TimeoutError as error:
                why = f"no session within {limit_s:g} s (OPSC_SIGN_IN_S)"
                raise CannotConnect(why, category="sign_in_timeout", transient=True) from error
            except (asyncssh.Error, OSError) as error:  # no input was sent, and without it nothing starts
                raise CannotConnect(_why(error), category="unreachable", transient=True) from error
            try:
                permit.use()
                process.stdin.write(payload)
                process.stdin.write_eof()
                answer = await asyncio.gather(_all_of(process.stdout), _all_of(process.stderr))
                await process.wait_closed()
            except (asyncssh.Error, OSError) as error:
                raise LinkBroken(_why(error)) from error
            finally:
                process.close()
            if process.exit_status is None:
                raise LinkBroken("the connection was lost")
            return answer[0], answer[1]


class _Permit:
    """Lets the loop's thread send, until the waiting thread has left believing that nothing was sent."""

    def __init__(self) -> None:
        self.phase = "signing in"
        self._guard = threading.Lock()
        self._used = self._revoked = False

    def use(self) -> None:
        with self._guard:
            if self._revoked:
                raise asyncio.CancelledError
            self._used = True

    def was_used_before_revoking(self) -> bool:
        with self._guard:
            self._revoked = True
            return self._used


def sign_in_of(target: Target | None) -> SignIn:
    """How to sign in to the target of an SSH step. Raises CannotConnect."""
    if target is None:
        raise CannotConnect("the step has no target", category="invalid", transient=False)
    return SignIn.of(target)


async def _all_of(stream: asyncssh.SSHReader[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await stream.read(1 << 16):
        size += len(part)
        if size > _MOST_BYTES:
            raise LinkBroken("the shell of the target says more than it was asked")
        parts.append(part)
    return b"".join(parts)


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
