"""Runs management commands as people and programs do."""

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.fleet import ROOT, database_url


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


def manage(*arguments: object) -> Ended:
    """Run a command in this process, on the test database."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    name, *rest = (str(argument) for argument in arguments)
    try:
        call_command(name, *rest, stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except CommandError as error:  # what argparse refuses; the command line makes it exit code 2
        code, _ = error.returncode, err.write(str(error))
    return Ended(code, out.getvalue(), err.getvalue())


def environment(**more: str) -> dict[str, str]:
    """The environment of a command as a process of its own, on the test database and without a broker."""
    env = dict(os.environ) | {"DATABASE_URL": database_url()}
    env |= {"SECRET_KEY": settings.SECRET_KEY, "OPSC_MESSAGE_KEY": settings.MESSAGE_KEY}
    return env | more


def start(*arguments: object, env: dict[str, str]) -> "subprocess.Popen[str]":
    """Start a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, ROOT / "manage.py", *(str(argument) for argument in arguments)],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]", timeout_s: float = 60) -> Ended:
    """Wait for its end."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        pytest.fail(f"{process.args} did not end within {timeout_s} s")
    assert "Traceback" not in err, err
    return Ended(process.returncode, out, err)


def plan_file(folder: Path, *steps: dict[str, Any], **header: Any) -> Path:
    """A plan in a file."""
    path = folder / "plan.json"
    plan = {"version": 1, "name": "a plan", "mode": "background", "steps": list(steps)} | header
    path.write_text(json.dumps(plan))
    return path
