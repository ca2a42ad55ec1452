"""Looks for every secret of one run in everything that the run wrote (`make leak-hunt`).

Exit code: 0 nothing was found, 1 a secret was, or one was never used, or the search is blind somewhere,
2 the run came to no end, because a server cannot be had or something did not happen in time.
"""

import os
import sys
import tempfile
import traceback
from pathlib import Path

import django

from tests.services.plugin import TestRun
from tests.services.processes import ServiceUnavailable


def main() -> int:
    """Hunt on servers of its own, and print what was searched and found."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconductor.settings")
    try:
        services = TestRun(with_database=not os.environ.get("DATABASE_URL"))
    except ServiceUnavailable as problem:
        print(problem, file=sys.stderr)
        return 2
    try:
        django.setup()
        return _hunted()
    finally:
        services.close()


def _hunted() -> int:
    from django.db import connections
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    from tests.leaks.hunting import hunt
    from tests.world import World

    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False, aliases=["default"])
    try:
        with tempfile.TemporaryDirectory(prefix="opsc-test-hunt-") as folder:
            report = hunt(Path(folder), World.make())
    except ServiceUnavailable as problem:
        print(problem, file=sys.stderr)
        return 2
    except AssertionError as unmet:
        print(f"Nothing was searched, the run came to no end: {_where(unmet)}", file=sys.stderr)
        return 2
    finally:
        connections.close_all()
        teardown_databases(made, verbosity=0)
    print("\n".join(report.lines()))
    return 0 if report.is_clean else 1


def _where(unmet: AssertionError) -> str:
    """What the run waited for in vain, in one line."""
    waits = [frame for frame in traceback.extract_tb(unmet.__traceback__) if "leaks" in frame.filename]
    place = f"{Path(waits[-1].filename).name}, {waits[-1].name}: " if waits else ""
    return place + " ".join(str(unmet).split())[:300]


if __name__ == "__main__":
    sys.exit(main())
