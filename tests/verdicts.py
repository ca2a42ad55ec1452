"""A pytest plugin that writes down how each test ended, for the program that started the run."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

OPTION = "--verdicts"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--verdicts=FILE`: one JSON object for each test, appended as it ends."""
    parser.addoption(OPTION, type=Path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """`passed`, `failed` (an assertion of the test), or `broken` (anything else that went wrong)."""
    report = yield
    if call.excinfo is not None:
        asserted = report.when == "call" and call.excinfo.errisinstance(AssertionError)
        _write(item, "failed" if asserted else "broken", call.excinfo.exconly())
    elif report.when == "call":
        _write(item, "passed", "")
    return report


def _write(item: pytest.Item, verdict: str, reason: str) -> None:
    file = item.config.getoption(OPTION)
    if file is not None:
        with file.open("a") as journal:
            line = {"test": item.name, "verdict": verdict, "reason": reason.splitlines()[:1]}
            journal.write(json.dumps(line) + "\n")
