"""One pass over everything that time, lost messages or lost workers left behind."""

from typing import Any

from executions import dispatch, sweeper
from executions.cli import failing
from executions.cli.command import OpsCommand


class Command(OpsCommand):
    """Sweeps once and prints what it found."""

    help = "Do once what the scheduler does all the time, and print what it found."
    example = "manage.py sweep --json"
    acts_for_somebody = False

    def act(self, options: dict[str, Any]) -> int:  # noqa: ARG002
        done = sweeper.tick()
        dispatch.flush()
        if self.wants_json:
            self.print_json({"swept": bool(done), "counts": done})
        elif not done:
            self.stdout.write("another scheduler is sweeping right now")
        for name, count in () if self.wants_json else done.items():
            self.stdout.write(f"{count:>6}  {name.replace('_', ' ')}")
        return failing.SUCCEEDED
