"""One beat of a process: renew every lease it holds, say that it lives, and hear of cancels."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import LiteralString, Protocol
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg.rows import dict_row

from safety import leases
from safety.cancellation import Wish

logger = logging.getLogger(__name__)

CHANNEL = "opsc_cancel"
MIB_PAGES = 1024 * 1024 // os.sysconf("SC_PAGE_SIZE")

_RENEW: LiteralString = """
WITH mine AS (
    SELECT r.id FROM opsc_step_run r
    JOIN unnest(%(ids)s::uuid[], %(tokens)s::bigint[]) AS held(id, token)
      ON held.id = r.id AND held.token = r.lease_token
    WHERE r.status = 'running' ORDER BY r.id FOR UPDATE OF r
)
UPDATE opsc_step_run r SET lease_expires_at = statement_timestamp() + make_interval(secs => %(ttl)s)
FROM mine, opsc_execution e WHERE r.id = mine.id AND e.id = r.execution_id
RETURNING r.lease_token AS token, e.cancel_requested_at IS NOT NULL AS cancelling, e.cancel_kind,
          e.cancel_actor, e.cancel_reason
"""

_ALIVE: LiteralString = """
INSERT INTO opsc_worker AS w (name, state, queues, threads, running, memory_mib, version)
VALUES (%(name)s, %(state)s, %(queues)s, %(threads)s, %(running)s, %(memory)s, %(version)s)
ON CONFLICT (name) DO UPDATE SET state = EXCLUDED.state, running = EXCLUDED.running,
    memory_mib = EXCLUDED.memory_mib, heartbeat_at = statement_timestamp()
"""


class Held(Protocol):
    """What is known of one lease that is to be renewed."""

    step_run_id: UUID
    execution_id: UUID
    token: int


@dataclass(frozen=True)
class Renewed:
    """A lease that was renewed, and the wish that its work is to stop."""

    wish: Wish | None


class Heartbeat:
    """Renewals and the process's row, on a connection outside Django's and outside any pool."""

    def __init__(
        self,
        worker: str,
        queues: tuple[str, ...],
        threads: int,
        on_cancel: Callable[[UUID, Wish], None],
    ) -> None:
        self._worker, self._queues, self._threads = worker, list(queues), threads
        self._on_cancel = on_cancel
        self._connection: psycopg.Connection[dict[str, object]] | None = None

    def beat(self, held: Iterable[Held], *, draining: bool) -> dict[int, Renewed]:
        """Renew what is still ours, by fencing token. Raises psycopg errors."""
        connection = self._connected()
        holdings = list(held)
        answers: dict[int, Renewed] = {}
        ttl = settings.OPSC["LEASE_TTL_S"]
        if holdings:
            parameters = {
                "ids": [holding.step_run_id for holding in holdings],
                "tokens": [holding.token for holding in holdings],
                "ttl": ttl,
            }
            for row in connection.execute(_RENEW, parameters).fetchall():
                answers[int(str(row["token"]))] = _renewed(row)
            executions = sorted({holding.execution_id for holding in holdings})
            connection.execute(leases.RENEW, {"executions": executions, "ttl": ttl})
        self._report(connection, "draining" if draining else "active", len(holdings))
        return answers

    def listen(self, *, until: float, stop: threading.Event) -> None:
        """Hear of cancels until the monotonic time `until`, or until `stop` is set."""
        connection = self._connected()
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            for notice in connection.notifies(timeout=min(left, 0.25)):
                told = json.loads(notice.payload)
                wish = Wish.on_record(told["kind"], told["actor"], told["reason"])
                self._on_cancel(UUID(told["execution"]), wish)

    def reconnect(self) -> None:
        """Drop the connection; the next beat opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Say that the process has stopped."""
        try:
            self._report(self._connected(), "stopped", 0)
        except psycopg.Error as error:
            logger.warning("could not sign off: %s", type(error).__name__)
        self.reconnect()

    def _report(self, connection: "psycopg.Connection[dict[str, object]]", state: str, running: int) -> None:
        connection.execute(
            _ALIVE,
            {
                "name": self._worker,
                "state": state,
                "queues": self._queues,
                "threads": self._threads,
                "running": running,
                "memory": resident_mib(),
                "version": settings.OPSC_VERSION,
            },
        )

    def _connected(self) -> "psycopg.Connection[dict[str, object]]":
        if self._connection is None or self._connection.closed:
            ttl_ms = int(settings.OPSC["LEASE_TTL_S"] * 1000)
            parameters = django_connection.get_connection_params() | {
                "connect_timeout": max(2, int(ttl_ms / 4000)),
                "tcp_user_timeout": ttl_ms // 2,
                "application_name": "opsconductor-heartbeat",
                "options": f"-c statement_timeout={max(1000, ttl_ms // 4)}",
            }
            for django_only in ("cursor_factory", "context", "prepare_threshold", "server_side_binding"):
                parameters.pop(django_only, None)
            self._connection = psycopg.connect(**parameters, autocommit=True, row_factory=dict_row)
            self._connection.execute(f"LISTEN {CHANNEL}")
        return self._connection


def _renewed(row: dict[str, object]) -> Renewed:
    if not row["cancelling"]:
        return Renewed(None)
    kind, actor, words = (str(row[name]) for name in ("cancel_kind", "cancel_actor", "cancel_reason"))
    return Renewed(Wish.on_record(kind, actor, words))


def resident_mib() -> int:
    """Resident memory of this process, MiB (Linux: second field of /proc/self/statm, in pages)."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) // MIB_PAGES
    except OSError:
        return 0
