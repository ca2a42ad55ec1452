"""Measure what this installation does per second, beside baselines of the same run."""

import os
import platform
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection
from rich.table import Table
from rich.text import Text

from executions.benchmark import masking_suite
from executions.benchmark.figures import Figure, NothingMeasured
from executions.benchmark.suite import WITHOUT_BROKER, Suite, objection
from executions.benchmark.surroundings import Processes, make_people, throwaway_database
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput, NotAvailable, Trouble

Measurements = Mapping[str, Callable[[], Iterable[Figure]]]

HOW_TO = "DATABASE_URL=postgres://… RABBITMQ_URL=amqp://…/a-virtual-host-of-its-own manage.py bench"


class Command(OpsCommand):
    """Runs every measurement in a database of its own, which is dropped at the end."""

    help = (
        "Measure on the configured PostgreSQL and RabbitMQ, beside a plain psycopg cycle and a bare Dramatiq actor "
        "of the same run. Makes a database opsc_bench_<pid> and drops it; uses the queues of the virtual host."
    )
    example = "manage.py bench --json\n  manage.py bench --only single --only five --seconds 10"
    acts_for_somebody = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--seconds", type=float, default=6.0, help="of each long measurement, 1 to 60 (default 6)"
        )
        parser.add_argument(
            "--only", action="append", metavar="NAME", help="this measurement; may be repeated"
        )

    def act(self, options: dict[str, Any]) -> int:
        if not 1 <= options["seconds"] <= 60:
            raise BadInput("--seconds: must be from 1 to 60.")
        names = set(options["only"] or ()) - set(masking_suite.measurements(0))
        servers = bool(names) or not options["only"]
        if servers and (why := _objection(broker=not options["only"] or not names <= WITHOUT_BROKER)):
            raise NotAvailable(why, hint=HOW_TO)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the database is dropped then, too
        figures, failures = self._measure(options["seconds"], options["only"], servers)
        if self.wants_json:
            self.print_json(
                {
                    "machine": _machine(servers),
                    "figures": [figure.as_json() for figure in figures],
                    "errors": [failure.as_json() for failure in failures],
                }
            )
        else:
            self.console.print(_table(figures))
        for failure in failures:
            self.stderr.write(str(failure))
        return failing.NOT_SUCCEEDED if failures or not figures else failing.SUCCEEDED

    def _measure(
        self, seconds: float, only: list[str] | None, servers: bool
    ) -> tuple[list[Figure], list[Trouble]]:
        figures: list[Figure] = []
        failures: list[Trouble] = []

        def measure(known: Measurements) -> None:
            for name, figures_of in known.items():
                if only and name not in only:
                    continue
                self.note(f"measuring {name} …")
                try:
                    figures.extend(figures_of())
                except NothingMeasured as problem:
                    failures.append(Trouble("nothing_measured", name, str(problem)))

        alone = masking_suite.measurements(seconds)
        if not servers:
            measure(alone)
            return figures, failures
        with throwaway_database() as url, Processes(url) as processes:
            served = Suite(processes, url, make_people(), seconds).measurements()
            if unknown := set(only or ()) - set(alone) - set(served):
                known = ", ".join([*alone, *served])
                raise BadInput(f"--only: there is no {sorted(unknown)[0]!r}.", hint=f"One of: {known}.")
            measure(alone)
            measure(served)
        return figures, failures


def _objection(*, broker: bool) -> str:
    try:
        return objection(broker=broker)
    except OSError as error:
        return f"RabbitMQ does not answer ({type(error).__name__})."


def _machine(servers: bool) -> dict[str, Any]:
    machine = {
        "processors": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
    }
    if not servers:
        return machine
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('synchronous_commit')")
        version, commit = cursor.fetchone()
    return machine | {"postgresql": version, "synchronous_commit": commit}


def _table(figures: list[Figure]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("figure", "value", "baseline", "ratio", "wanted", "", "measured on"):
        right = heading in ("value", "baseline", "ratio")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for figure in figures:
        baseline = f"{figure.baseline.value:,.1f}" if figure.baseline else ""
        cells = (
            figure.name,
            f"{figure.value:,.1f} {figure.unit}",
            baseline,
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            str(figure.wanted or ""),
            _verdict(figure),
            figure.detail,
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _verdict(figure: Figure) -> str:
    if figure.shortfall is None:
        return ""
    return f"short by {100 * figure.shortfall:.0f} %" if figure.shortfall else "holds"
