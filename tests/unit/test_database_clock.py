"""Times that decide anything are the database's: no module that decides reads another clock of the day."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

TOP: Path = settings.BASE_DIR
# Each reads the machine's clock for people's eyes or for a name, and decides nothing by it.
FOR_EYES_ONLY = {
    "executions/budget.py": "how much is spent by now, on a page",
    "executions/web/telling.py": "`3 min ago` on a page",
    "executions/holdings.py": "part of a process's name",
    "safety/admin/membership.py": "a form that refuses an end in the past; the guards compare by the database's clock",
    "executions/management/commands/fleet.py": "a line of the log",
}
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "timezone.now", "date.today"}
# statement_timestamp() is the one that we use: now() is the transaction's, the others mix with neither.
OTHER_SQL = re.compile(
    r"\b(now\(\)|current_timestamp|localtimestamp|clock_timestamp|transaction_timestamp)", re.I
)


def modules() -> Iterator[tuple[str, ast.AST]]:
    for package in ("executions", "safety"):
        for path in sorted((TOP / package).rglob("*.py")):
            name = str(path.relative_to(TOP))
            if "/migrations/" not in name and "/benchmark/" not in name:
                yield name, ast.parse(path.read_text())


def test_no_module_that_decides_reads_the_machines_clock_of_the_day():
    readers = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and any(ast.unparse(node).endswith(clock) for clock in WALL_CLOCKS)
    }
    assert readers == set(FOR_EYES_ONLY)


def test_no_statement_uses_another_clock_of_the_database():
    statements = {
        (name, node.value)
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "opsc_" in node.value
    }
    assert len(statements) > 50
    assert {name for name, text in statements if OTHER_SQL.search(text)} == set()
