"""Which connector runs which kind of step over which connection."""

from executions.connectors.base import Connector, NotStarted, Work
from executions.connectors.command import CommandConnector
from executions.connectors.http import HttpConnector
from executions.connectors.sshlogin import location
from executions.connectors.sshloop import ssh_loop
from executions.connectors.sshshell import SshShell, sign_in_of
from executions.connectors.wait import WaitConnector
from executions.jobdir import CannotConnect
from executions.jobdir.local import LocalShell

_LOCAL = LocalShell()


def _local(work: Work) -> LocalShell:  # noqa: ARG001
    return _LOCAL


def _ssh(work: Work) -> SshShell:
    try:
        sign_in = sign_in_of(work.target)
    except CannotConnect as error:
        raise NotStarted(str(error), category=error.category, transient=error.transient) from error
    return SshShell(ssh_loop(), sign_in, work.cancel)


def _open_ssh(work: Work) -> SshShell | None:
    sign_in = work.target and ssh_loop().existing(location(work.target))
    return SshShell(ssh_loop(), sign_in, work.cancel) if sign_in else None


_COMMANDS = {
    "local": CommandConnector(_local, _local),
    "ssh": CommandConnector(_ssh, _open_ssh),
}
_ANYWHERE: dict[str, Connector] = {"http": HttpConnector(), "wait": WaitConnector()}


class NoConnector(LookupError):
    """No connector runs this kind of step over this connection."""


def connector_for(kind: str, connection: str) -> Connector:
    """The connector for a step kind and the connection of its target (empty without a target).

    Raises NoConnector.
    """
    if kind in ("command", "script"):
        if connection in _COMMANDS:
            return _COMMANDS[connection]
        known = ", ".join(sorted(_COMMANDS))
        raise NoConnector(f"{kind} steps need a target reached by one of: {known}; not {connection!r}.")
    if kind in _ANYWHERE:
        return _ANYWHERE[kind]
    known = ", ".join(sorted({"command", "script", *_ANYWHERE}))
    raise NoConnector(f"No connector runs {kind!r} steps; known kinds: {known}.")
