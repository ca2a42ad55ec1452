"""Calls the sweeper again and again, whatever happens to the database meanwhile."""

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import Error, close_old_connections, connections

from executions import sweeper

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 30.0  # between tries while the database does not answer


def run(stop: threading.Event, on_work: Callable[[dict[str, int]], None] | None = None) -> None:
    """Sweep until `stop` is set; `on_work` is told the counts of each sweep that found something to do.

    Any number of schedulers may run: the sweeper lets one of them act.

    Meant for a thread of its own. A sweep that is cut off by the end of the process rolls back.
    """
    interval_s: float = settings.OPSC["SWEEP_INTERVAL_S"]
    pause_s = interval_s
    while not stop.is_set():
        try:
            close_old_connections()
            found = sweeper.tick()
            if on_work is not None and any(found.values()):
                on_work(found)
            pause_s = interval_s
        except Error as error:
            pause_s = min(max(pause_s * 2, 0.5), LONGEST_PAUSE_S)
            logger.warning(
                "the database does not answer (%s); sweeping again in %g s", type(error).__name__, pause_s
            )
            connections.close_all()
        except Exception:
            logger.exception("a sweep failed; the next one follows")
        stop.wait(pause_s)
    connections.close_all()
