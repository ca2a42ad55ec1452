"""The commands of docs/api.md, run as they stand there."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings

from tests import factories
from tests.pages_server import serving
from tests.programs import a_plan

COMMANDS = re.findall(
    r"^curl .*?(?<!\\)$", (settings.BASE_DIR / "docs/api.md").read_text(), re.MULTILINE | re.DOTALL
)


def run(command: str, folder: Path, **variables: str) -> Any:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_they_do_what_the_page_says(live_db: None, tmp_path: Path) -> None:
    assert len(COMMANDS) == 6
    _, value = factories.a_token(factories.olga())
    (tmp_path / "plan.json").write_text(json.dumps(a_plan()))
    with serving() as address:
        _all(tmp_path, {"TOKEN": value, "OPS": address, "ID": ""})


def _all(tmp_path: Path, known: dict[str, str]) -> None:
    whoami, submitted = (run(command, tmp_path, **known) for command in COMMANDS[:2])
    assert whoami["account"] == "olga"
    assert submitted["created"] is True
    known["ID"] = submitted["execution"]["id"]
    listed, seen, cancelled, again = (run(command, tmp_path, **known) for command in COMMANDS[2:])
    assert [one["id"] for one in listed["executions"]] == [seen["id"]] == [known["ID"]]
    assert cancelled["status"] == "cancelled"
    assert again["execution"]["id"] != known["ID"]
