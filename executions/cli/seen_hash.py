"""What was seen before it is approved: by its hash, or by a yes on a terminal."""

import sys
from typing import Final

from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.plain import plain
from executions.cli.showing import show_header, show_steps
from executions.errors import Conflict
from executions.models import Execution

SHORTEST_HASH: Final = 12


def show_all(command: OpsCommand, execution: Execution) -> None:
    """Print what would run, and its hash."""
    show_header(command.console, execution)
    show_steps(command.console, execution)
    command.stdout.write(plain(execution.plan))
    command.stdout.write(f"approval hash {execution.approval_hash}")


def seen_hash(command: OpsCommand, approval_hash: str, given: str) -> str:
    """The whole hash, once the person has shown that this is what they mean. Raises BadInput, Conflict."""
    wanted = given.strip().lower()
    if not wanted:
        return _asked(command, approval_hash)
    if len(wanted) < SHORTEST_HASH:
        raise BadInput(f"--hash: give at least {SHORTEST_HASH} characters.")
    if not approval_hash.startswith(wanted):
        raise Conflict(
            f"This hash is not of what would run: that is {approval_hash[:SHORTEST_HASH]}.",
            hint="Look at the plan again.",
        )
    return approval_hash


def _asked(command: OpsCommand, approval_hash: str) -> str:
    if not (sys.stdin.isatty() and command.on_terminal):
        raise BadInput(
            "Nothing was approved.",
            hint=f"Look at it, then give --hash {approval_hash[:SHORTEST_HASH]}.",
        )
    if input("Approve exactly this? [yes/no] ").strip().lower() != "yes":
        raise BadInput("Nothing was approved.")
    return approval_hash
