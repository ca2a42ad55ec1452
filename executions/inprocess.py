"""Worker threads and a scheduler inside this process, for where there is no broker and no other worker."""

import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from executions import scheduler
from executions.fleet import lanes
from executions.fleet.crew import Crew
from executions.models import Worker

DRAIN_S = 5.0
SCHEDULER_END_S = 2.0


class Workers:
    """While the block runs, this process does what `fleet` and `scheduler` do, through the in-memory broker.

    At its end running steps get some seconds; those that need longer are handed over: a command or script goes
    on by itself, and the next worker re-attaches to it.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._crew = Crew(lanes.of_process(0, 1, threads or settings.OPSC["WORKER_THREADS"]))
        self._stop = threading.Event()
        self._scheduler = threading.Thread(
            target=scheduler.run, args=(self._stop,), name="scheduler", daemon=True
        )

    def __enter__(self) -> Self:
        self._crew.start()
        self._scheduler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        in_a_hurry = kind is not None and issubclass(kind, KeyboardInterrupt)
        self._crew.drain(0.0 if in_a_hurry else DRAIN_S, self._stop.wait)
        self._stop.set()
        self._scheduler.join(SCHEDULER_END_S)


def living_workers() -> QuerySet[Worker]:
    """Processes that take work from the queues and have shown themselves lately (they do every ttl / 4)."""
    lately = Now() - timedelta(seconds=settings.OPSC["LEASE_TTL_S"] / 2)
    alive = Worker.objects.filter(
        state__in=(Worker.State.ACTIVE, Worker.State.DRAINING), heartbeat_at__gte=lately
    )
    return alive.filter(queues__overlap=list(lanes.EVERY))


def some_worker_lives() -> bool:
    """Whether somebody else will take work from the queues."""
    return living_workers().filter(state=Worker.State.ACTIVE).exists()
