"""Reads back everything that the run wrote down anywhere."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.db import connection

from executions.models import Execution, OutputChunk
from tests.commands import manage
from tests.leaks.searching import Place
from tests.services.rabbitmq import Vhost

LARGEST_FILE = 32 << 20
# Folders of test runs: servers, which are looked at as servers, and other runs.
NOT_OURS = (
    "opsc-pg-",
    "opsc-mq-",
    "opsc-bao-",
    "opsc-ssh-",
    "opsc-test-",
    "opsc-shared-",
    "opsc-proof-",
    "pytest-of-",
)


def database() -> Iterator[Place]:
    """Every row of every table, value by value, and each output as a whole."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = sorted(row[0] for row in cursor.fetchall())
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, map(_shown, row), strict=True)) for row in cursor.fetchall()]
            values = (f"{name}: {value}" for row in rows for name, value in row.items())
            yield Place("database", table, "\n".join(values).encode(errors="replace"))
    outputs: dict[object, str] = {}
    for chunk in OutputChunk.objects.order_by("step_run_id", "attempt", "sequence").iterator():
        key = (chunk.step_run_id, chunk.attempt, chunk.stream)
        outputs[key] = outputs.get(key, "") + chunk.text
    for key, text in outputs.items():
        yield Place("database", f"whole output {key}", text.encode())


def _shown(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def statements() -> Iterator[Place]:
    """The database server's own log, in which every statement of the run stands with its values."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        data = Path(cursor.fetchone()[0])
    yield Place("server log", data.name, data.with_name(f"{data.name}.log").read_bytes())


def log_every_statement(name: str, *, on: bool) -> None:
    """Let the server write down every statement, with its parameters, of connections made from now on."""
    with connection.cursor() as cursor:
        change = "SET log_min_duration_statement = 0" if on else "RESET log_min_duration_statement"
        cursor.execute(f'ALTER DATABASE "{name}" {change}')


def logs(folder: Path) -> Iterator[Place]:
    for file in sorted(folder.glob("*.log")):
        yield Place("process logs", file.name, file.read_bytes())


def messages(vhost: Vhost) -> Iterator[Place]:
    """What lies in every queue, the copies of all messages among it; left there."""
    for queue in vhost.queues():
        with vhost.channel() as channel:
            while (got := channel.basic_get(queue))[0]:
                yield Place(
                    "broker messages", queue, (got[2] or b"") + repr(got[1]).encode() + repr(got[0]).encode()
                )


def broker_files(folder: Path) -> Iterator[Place]:
    """The node's data and logs, once it has stopped."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with suppress(FileNotFoundError):
            yield Place("broker files", str(file.relative_to(folder)), file.read_bytes())


def commands() -> Iterator[Place]:
    """What the commands that read say about every execution."""
    lines = [("health",), ("health", "--json"), ("sweep",)]
    for key in Execution.objects.values_list("pk", flat=True):
        lines += [
            ("show", key, "--as", "olga", "--output"),
            ("show", key, "--as", "olga", "--output", "--json"),
        ]
    for line in lines:
        ended = manage(*line)
        yield Place("commands", " ".join(map(str, line)), (ended.out + ended.err).encode())


def temporary_files(since: float) -> Iterator[Place]:
    """What was written below /tmp and /var/tmp since then (Unix time) and is still there."""
    for top in {tempfile.gettempdir(), "/tmp", "/var/tmp"}:
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(NOT_OURS)]
            for file in (Path(folder) / name for name in files):
                with suppress(OSError):
                    state = file.lstat()
                    if file.is_file() and state.st_mtime >= since and state.st_size <= LARGEST_FILE:
                        yield Place("temporary files", str(file), file.read_bytes())
