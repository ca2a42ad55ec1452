"""Whether each part that the system needs is there, asked now."""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pika  # type: ignore[import-untyped]
from django.conf import settings
from django.db import Error, connection

from executions.audit import sealing
from executions.fleet import readiness
from executions.inprocess import living_workers
from safety import wall

BROKER_S = 2.0
SEALED_LATE_S = 60.0
OF_THE_DATABASE = ("tables", "workers", "audit", "tenants")
LOW_DISK, FULL_DISK = 0.10, 0.02  # shares of free space
MIB = 2**20


class State(StrEnum):
    """How a part is; `warning` still works."""

    OK = "ok"
    WARNING = "warning"
    DOWN = "down"


@dataclass(frozen=True)
class Part:
    """One part of the system and a sentence about it."""

    name: str
    state: State
    detail: str


def parts() -> list[Part]:
    """Every part, the most basic first; takes a few seconds at most."""
    database = _database()
    if database.state is State.DOWN:
        unknown = [Part(name, State.DOWN, "not known without the database") for name in OF_THE_DATABASE]
        return [database, *unknown, _broker(), _disk()]
    tables = _tables()
    if tables.state is State.OK:
        guards = [_audit(), _tenants()]
    else:
        guards = [Part(name, State.DOWN, "not known without its tables") for name in ("audit", "tenants")]
    return [database, tables, _workers(), *guards, _broker(), _disk()]


def _database() -> Part:
    began = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), pg_is_in_recovery()")
            version, read_only = cursor.fetchone()
    except Error as error:
        return Part("database", State.DOWN, _first_line(error))
    took = f"PostgreSQL {version}, {1000 * (time.monotonic() - began):.0f} ms"
    if read_only:
        return Part("database", State.DOWN, f"{took}, read-only: this is a standby")
    return Part("database", State.OK, took)


def _tables() -> Part:
    refusal = readiness.refusal()
    return Part("tables", State.DOWN if refusal else State.OK, refusal or "as this version knows them")


def _broker() -> Part:
    if not settings.RABBITMQ_URL:
        return Part("broker", State.OK, "in memory, for one process; RABBITMQ_URL is not set")
    problem = _within(BROKER_S, _connect_to_broker)
    return Part("broker", State.DOWN if problem else State.OK, problem or "RabbitMQ answers")


def _connect_to_broker() -> str:
    problem = ""
    for url in settings.RABBITMQ_URL.split(";"):
        parameters = pika.URLParameters(url)
        parameters.connection_attempts, parameters.socket_timeout = 1, BROKER_S
        try:
            pika.BlockingConnection(parameters).close()
        except (pika.exceptions.AMQPError, OSError) as error:
            problem = f"{parameters.host}:{parameters.port} {type(error).__name__}"
        else:
            return ""
    return problem


def _within(seconds: float, question: Callable[[], str]) -> str:
    """The answer, or that there was none in time; pika's own limits add up to more."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(question()), name="health", daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else f"no answer within {seconds:g} s"


def _workers() -> Part:
    alive = list(living_workers().values_list("threads", "running"))
    if alive:
        threads, running = (sum(column) for column in zip(*alive, strict=True))
        return Part("workers", State.OK, f"{len(alive)} alive, {running} of {threads} threads at work")
    if settings.RABBITMQ_URL:
        return Part("workers", State.DOWN, "none alive; start some: manage.py fleet")
    return Part("workers", State.OK, "none alive; `run` brings its own, `up` keeps some")


def _audit() -> Part:
    waits_s = sealing.waits_s()
    if waits_s is None:
        said = "every event and access decision is sealed"
    else:
        said = f"what happened {waits_s:,.0f} s ago is not sealed yet"
    if (waits_s or 0.0) >= SEALED_LATE_S:
        return Part("audit", State.WARNING, f"{said}; is a scheduler running?")
    if settings.DATABASE_URL and sealing.could_be_rewritten():
        return Part(
            "audit", State.WARNING, f"{said}; this database account owns history and could rewrite it"
        )
    return Part("audit", State.OK, said)


def _tenants() -> Part:
    if wall.stands():
        return Part("tenants", State.OK, "pages read behind row-level security, too")
    said = "row-level security does not bind this database account: no second wall between tenants"
    return Part("tenants", State.WARNING if settings.DATABASE_URL else State.OK, said)


def _disk() -> Part:
    folder = Path(settings.DATA_DIR)
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    free = usage.free / usage.total
    state = State.DOWN if free < FULL_DISK else State.WARNING if free < LOW_DISK else State.OK
    return Part("disk", state, f"{usage.free // MIB:,} MiB free ({free:.0%}) at {folder}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
