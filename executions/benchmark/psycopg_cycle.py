"""Baseline: a plain psycopg 3 cycle of three commits, in a process of its own."""

import json
import sys
import threading
import time
from typing import LiteralString

import psycopg

from executions.benchmark.starting import sleep_until, wait_for_start

TABLES: LiteralString = """
CREATE TABLE IF NOT EXISTS plain_run (
    id bigserial PRIMARY KEY, name text NOT NULL, payload jsonb NOT NULL, status text NOT NULL DEFAULT 'ready',
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(), started_at timestamptz, finished_at timestamptz);
CREATE INDEX IF NOT EXISTS plain_run_ready ON plain_run (id) WHERE status = 'ready';
CREATE TABLE IF NOT EXISTS plain_event (
    id bigserial PRIMARY KEY, run_id bigint NOT NULL REFERENCES plain_run, type text NOT NULL,
    at timestamptz NOT NULL DEFAULT statement_timestamp());
"""

_INSERT: LiteralString = "INSERT INTO plain_run (name, payload) VALUES (%s, %s)"
_CLAIM: LiteralString = """
UPDATE plain_run SET status = 'running', started_at = statement_timestamp()
WHERE id = (SELECT id FROM plain_run WHERE status = 'ready' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, payload
"""
_FINISH: LiteralString = (
    "UPDATE plain_run SET status = 'succeeded', finished_at = statement_timestamp() WHERE id = %s"
)
_EVENT: LiteralString = "INSERT INTO plain_event (run_id, type) VALUES (%s, 'finished')"


def cycles(url: str, start_at: float, seconds: float, counts: list[int]) -> None:
    """Insert, claim and finish with an event, one commit each, until the time is over."""
    done = 0
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1")
        connection.commit()
        sleep_until(start_at)
        while time.time() < start_at + seconds:
            connection.execute(_INSERT, ("cycle", '{"kind": "wait", "seconds": 0.001}'))
            connection.commit()
            row = connection.execute(_CLAIM).fetchone()
            connection.commit()
            if row is None:
                continue
            connection.execute(_FINISH, (row[0],))
            connection.execute(_EVENT, (row[0],))
            connection.commit()
            done += 1
    counts.append(done)


def main(url: str, seconds: float, threads: int) -> None:
    """Print how many cycles were completed."""
    counts: list[int] = []
    start_at = wait_for_start()
    running = [threading.Thread(target=cycles, args=(url, start_at, seconds, counts)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    print(json.dumps({"cycles": sum(counts)}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
