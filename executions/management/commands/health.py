"""Say whether everything that the system needs is there."""

from typing import Any

from rich.table import Table
from rich.text import Text

from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.monitoring.health import State, parts

COLOURS = {State.OK: "green", State.WARNING: "yellow", State.DOWN: "red"}


class Command(OpsCommand):
    """Asks the database, the tables, the broker, the workers and the disk."""

    help = "Ask every part that the system needs; exit code 3 when one of them is down."
    example = "manage.py health\n  manage.py health --json"
    acts_for_somebody = False

    def act(self, options: dict[str, Any]) -> int:  # noqa: ARG002
        found = parts()
        down = [part for part in found if part.state is State.DOWN]
        if self.wants_json:
            listed = [{"name": part.name, "state": part.state, "detail": part.detail} for part in found]
            self.print_json({"healthy": not down, "parts": listed})
        else:
            table = Table(box=None, pad_edge=False, show_header=False)
            for part in found:
                state = Text(part.state, style=COLOURS[part.state])
                table.add_row(Text(part.name), state, Text(part.detail))
            self.console.print(table)
        return failing.NOT_AVAILABLE if down else failing.SUCCEEDED
